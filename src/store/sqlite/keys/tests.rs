//! Ids and integers lead to each other.

use diesel::connection::SimpleConnection;
use diesel_migrations::MigrationHarness;
use proptest::prelude::*;

use super::super::open::MIGRATIONS;
use super::*;
use crate::base::time::Timestamp;

fn id(seconds: u32, process: u8, counter: u32) -> Id {
    Id::from_parts(IdParts { seconds, process: [process, 1, 2, 3, 4], counter })
}

const NOW: u32 = 1_800_000_000;

#[test]
fn an_id_becomes_the_integer_of_its_parts() {
    let keys = KeySpace::default();
    let key = keys.admit(id(NOW, 7, 0x0001_0203));
    assert_eq!(key, i64::from(NOW - EPOCH) << 32 | 0x0102_0301);
    assert_eq!(keys.id(key), Some(id(NOW, 7, 0x0001_0203)));
    assert_eq!(keys.id(key + 1), None, "of a process that is not known");
    assert_eq!(keys.key(id(NOW, 8, 5)) & 0xFF, i64::from(UNKNOWN));
}

#[test]
fn bounds_have_the_order_of_their_ids() {
    let keys = KeySpace::default();
    let stored: Vec<i64> = (0..4).map(|number| keys.admit(id(NOW + number, 7, number))).collect();
    let middle = keys.key(Id::lowest_at(Timestamp(i64::from(NOW + 2) * 1_000_000)));
    assert!(stored[1] < middle && middle < stored[2]);
    assert!(stored.iter().all(|key| keys.key(Id::MIN) < *key && *key < keys.key(Id::MAX)));
    let unknown = keys.key(id(NOW + 1, 9, 9));
    assert!(stored[1] < unknown && unknown < stored[2] && keys.id(unknown).is_none());
}

#[test]
fn ids_that_many_rows_refer_to_have_consecutive_numbers() {
    let keys = KeySpace::default();
    let few = [id(NOW, 7, 1), id(NOW, 7, 2)];
    few.iter().for_each(|id| keys.admit_small(*id));
    assert_eq!(few.map(|id| keys.admit(id)), [1, 2]);
    assert_eq!([0, 1, 2, 3].map(|key| keys.id(key)), [None, Some(few[0]), Some(few[1]), None]);
    keys.admit_small(few[0]);
    assert_eq!(keys.key(few[0]), 1, "once for ever");
}

#[test]
fn ids_that_do_not_fit_have_consecutive_numbers() {
    let keys = KeySpace::default();
    for (number, seconds) in [(1, EPOCH), (2, EPOCH + (1 << 31)), (3, u32::MAX)] {
        assert_eq!(keys.key(id(seconds, 7, 1)), if seconds == EPOCH { 0 } else { i64::MAX });
        assert_eq!(keys.admit(id(seconds, 7, 1)), number);
        assert_eq!(keys.id(number), Some(id(seconds, 7, 1)));
    }
    // Every process number of this second is taken.
    (0..254).for_each(|process| keys.admit_process(id(NOW, process, 1).parts().process, NOW, NOW));
    let beyond = keys.admit(id(NOW, 254, 1));
    assert_eq!((beyond, keys.id(beyond)), (4, Some(id(NOW, 254, 1))));
}

#[test]
fn only_statements_that_store_ids_make_them_known() {
    let keys = KeySpace::default();
    let bind = |admits| {
        let mut binds = [Bind::Id(id(NOW, 7, 1)), Bind::Text(Some("a")), Bind::Id(id(NOW, 8, 1))];
        keys.bind(&mut binds, admits);
        match binds {
            [Bind::Integer(Some(one)), Bind::Text(Some("a")), Bind::Integer(Some(two))] => [one, two],
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(bind(false).map(|key| keys.id(key)), [None, None]);
    assert_eq!(bind(true).map(|key| keys.id(key)), [Some(id(NOW, 7, 1)), Some(id(NOW, 8, 1))]);
    assert_eq!(bind(true), bind(false));
}

#[test]
fn what_a_rolled_back_transaction_made_known_is_stored_with_the_next() {
    let mut connection = SqliteConnection::establish(":memory:").unwrap();
    connection.run_pending_migrations(MIGRATIONS).unwrap();
    let keys = KeySpace::load(&mut connection).unwrap();
    keys.admit_small(id(NOW, 1, 1));
    let key = keys.admit(id(NOW, 2, 1));
    connection.batch_execute("BEGIN").unwrap();
    keys.store(&mut connection).unwrap();
    connection.batch_execute("ROLLBACK").unwrap();
    for later in [NOW, NOW + LEASE + 1] {
        keys.admit(id(later, 2, 2));
        connection.batch_execute("BEGIN").unwrap();
        keys.store(&mut connection).unwrap();
        connection.batch_execute("COMMIT").unwrap();
        keys.stored();
        let again = KeySpace::load(&mut connection).unwrap();
        assert_eq!([1, key].map(|key| again.id(key)), [Some(id(NOW, 1, 1)), Some(id(NOW, 2, 1))]);
        assert_eq!(again.id(keys.key(id(later, 2, 2))), Some(id(later, 2, 2)));
    }
}

proptest! {
    /// Whatever ids a database is given, in whatever order: each integer leads back to its id, no two ids share one, and
    /// those of a process have its order.
    #[test]
    fn integers_lead_back_to_their_ids(
        parts in prop::collection::vec(
            (prop_oneof![any::<u32>(), NOW - 200..NOW + 200, Just(EPOCH)], 0..6_u8, 0..0x00FF_FFFF_u32), 1..150
        ),
        small in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let keys = KeySpace::default();
        let ids: Vec<Id> = parts.iter().map(|(seconds, process, counter)| id(*seconds, *process, *counter)).collect();
        small.iter().for_each(|index| keys.admit_small(*index.get(&ids)));
        let known: HashMap<Id, i64> = ids.iter().map(|id| (*id, keys.admit(*id))).collect();
        let distinct: std::collections::HashSet<i64> = known.values().copied().collect();
        prop_assert_eq!(distinct.len(), known.len());
        for (id, key) in &known {
            prop_assert_eq!(keys.id(*key), Some(*id));
            prop_assert_eq!(keys.key(*id), *key);
        }
        let mut of_one: Vec<Id> = ids.iter().copied().filter(|id| id.parts().process[0] == 3).collect();
        of_one.retain(|id| !(1..=SMALL_MAX).contains(&known[id]));
        of_one.sort_unstable();
        prop_assert!(of_one.windows(2).all(|pair| known[&pair[0]] <= known[&pair[1]]));
    }
}
