//! The `hookflow` program.

/// hookflow makes many small allocations on several threads, which this allocator is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    hookflow::cli::run()
}
