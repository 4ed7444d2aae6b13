//! The `hookflow` program.

/// Many small allocations on several threads are what this program does; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    hookflow::cli::run()
}
