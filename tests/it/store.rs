//! What every store has to do, whatever database is behind it: one suite, called once for each from
//! `on_sqlite` and `on_postgres`.
//!
//! Each check gets a fresh store. Those about data use two orgs with the same data in both, except for the ids, so that a
//! statement that forgets the org finds too much. Assertions inside a unit of work fail that unit, and with it the test.

mod catalog;
mod entities;
mod events;
mod intake;
mod lanes;
mod lists;
mod objects;
mod runs;
mod units;

pub use runs::run;

use std::cell::Cell;

use hookflow::base::id::Id;
use hookflow::base::time::Timestamp;
use hookflow::store::{Org, Page, Session, Store, StoreResult};

/// A page with everything on it.
const ALL: Page = Page { after: None, size: 1_000 };

/// A moment for records whose time does not matter; whole milliseconds, which is what JSON keeps.
const MOMENT: Timestamp = Timestamp(1_700_000_000_000_000);

/// Addresses of customers in the checks.
const ADDRESSES: [&str; 7] = [
    "ann@example.com",
    "ann@new.example",
    "ann@work.example",
    "a@x.example",
    "b@x.example",
    "c@x.example",
    "new@x.example",
];

/// A store that answers on the calling thread.
struct Desk {
    store: Store,
    runtime: tokio::runtime::Runtime,
}

impl Desk {
    fn write<T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnMut(&mut dyn Session) -> StoreResult<T> + Send + 'static,
    {
        self.runtime.block_on(self.store.write(work))
    }

    fn read<T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Session) -> StoreResult<T> + Send + 'static,
    {
        self.runtime.block_on(self.store.read(work))
    }

    /// Does a check in both of two orgs, one after the other, in one transaction each. The second one names addresses that
    /// it is going to look up, which must make no difference.
    #[track_caller]
    fn in_two_orgs(&self, check: fn(&mut dyn Session, Id) -> StoreResult<()>) {
        let (one, two) = (self.add_org("one"), self.add_org("two"));
        self.write(move |session| with_ids_of(0, || check(session, one))).unwrap();
        let named = ADDRESSES.map(|email| (two, email.to_owned())).to_vec();
        let second = move |session: &mut dyn Session| with_ids_of(1, || check(session, two));
        self.runtime.block_on(self.store.write_looking_up(named, second)).unwrap();
    }

    fn add_org(&self, name: &str) -> Id {
        let org = Org { id: Id::generate(), name: name.to_owned(), created_at: MOMENT };
        let id = org.id;
        self.write(move |session| session.insert_org(&org)).unwrap();
        id
    }
}

thread_local! {
    /// What this thread adds to the numbers of ids: an id occurs in one org only.
    static FIRST: Cell<usize> = const { Cell::new(0) };
}

/// The `number`-th id, in ascending order.
fn id(number: usize) -> Id {
    format!("{:024x}", FIRST.get() + number).parse().expect("this is an id")
}

/// Does something while [`id`] returns the ids of the `number`-th org on this thread.
fn with_ids_of<T>(number: usize, work: impl FnOnce() -> T) -> T {
    FIRST.set(1_000 * number);
    let done = work();
    FIRST.set(0);
    done
}

type Check = fn(&Desk);

/// Every check, on a store of its own.
pub fn suite(open: impl Fn() -> Store) {
    let checks: &[(&str, Check)] = &[
        ("catalog revision", catalog::revision),
        ("catalog changes", catalog::changes),
        ("forgotten catalog changes", catalog::forgotten_changes),
        ("orgs", catalog::orgs),
        ("keys", catalog::keys),
        ("hooks", catalog::hooks),
        ("file digests", catalog::file_digests),
        ("workflows", catalog::workflows),
        ("drafts", catalog::drafts),
        ("schedules", catalog::schedules),
        ("variables", catalog::variables),
        ("hook_secrets", catalog::hook_secrets),
        ("seen keys", intake::seen_keys),
        ("transactions", intake::transactions),
        ("refusals", intake::refusals),
        ("refused requests", intake::refused_requests),
        ("kept requests", intake::kept_requests),
        ("accepted refusals", intake::accepted_refusals),
        ("events", events::events),
        ("descendants", events::descendants),
        ("descendants counted at once", events::descendants_at_once),
        ("runs", runs::runs),
        ("fencing", runs::fencing),
        ("held runs", runs::holds),
        ("claims", runs::claims),
        ("claims of every status", runs::claims_of_every_status),
        ("releases", runs::releases),
        ("lists of runs", runs::lists),
        ("step logs", runs::logs),
        ("lanes", lanes::turns),
        ("lanes with limits that differ", lanes::limits),
        ("lanes and runs that begin later", lanes::later),
        ("lanes at a standstill", lanes::standstill),
        ("klasses", objects::klasses),
        ("customers", objects::customers),
        ("customers of another org", objects::customers_of_another_org),
        ("what customers share", objects::customers_taken),
        ("customers changed twice", objects::customers_changed_twice),
        ("texts that can't be kept", objects::unstorable_texts),
        ("kobjects", objects::kobjects),
        ("what kobjects share", objects::kobjects_taken),
        ("kobjects changed twice", objects::kobjects_changed_twice),
        ("customers deleted", entities::customers_deleted),
        ("what belongs to a customer", entities::belongings),
        ("relationships of kobjects", entities::relationships),
        ("entities", entities::entities),
        ("what entities share", entities::entities_taken),
        ("entities changed twice", entities::entities_changed_twice),
        ("roll back", units::an_error_rolls_back),
        ("long lists", lists::long),
        ("touch", units::touching_changes_nothing),
        ("neighbours", units::a_failing_unit_fails_alone),
        ("isolation", units::reading_sees_what_was_committed),
        ("full queue", units::a_full_queue_is_busy),
        ("close", units::close_finishes_what_is_queued),
    ];
    for (name, check) in checks {
        println!("{name}");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be made");
        let desk = Desk { store: open(), runtime };
        check(&desk);
        desk.store.close();
    }
}
