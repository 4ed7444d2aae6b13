//! Events that are stored with their payloads, and the count of the runs that follow from them.

use futures_util::future::join_all;
use hookflow::store::{EventRecord, StoreError, StoreResult};
use serde_json::json;

use super::{Desk, MOMENT, id};

pub fn events(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let event = |number, run| EventRecord {
            id: id(number),
            org,
            name: "kobject.order.create".into(),
            at: MOMENT,
            run,
            payload: json!({ "z": 1, "a": [null, "ü", org] }),
        };
        let all = [event(1, None), event(2, Some(id(7)))];
        all.iter().try_for_each(|event| session.insert_event(event))?;
        for event in all {
            assert_eq!(session.event(org, event.id)?, Some(event));
        }
        assert_eq!(session.event(org, id(3))?, None);
        Ok(())
    });
}

pub fn descendants(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let mut count = |root, count| session.count_descendants(org, id(root), count, 10);
        assert!(count(1, 4)?);
        assert!(count(1, 6)?, "up to the limit");
        assert!(!count(1, 1)?);
        assert!(!count(2, 11)?);
        assert!(count(2, 7)?, "what was refused is not counted");
        assert!(!count(2, 4)? && count(2, 3)?);
        Ok(())
    });
    let org = desk.add_org("three");
    let refused: StoreResult<()> = desk.write(move |session| {
        assert!(session.count_descendants(org, id(1), 10, 10)?);
        Err(StoreError::Fenced)
    });
    assert!(refused.is_err());
    let counted = desk.write(move |session| session.count_descendants(org, id(1), 10, 10));
    assert!(counted.unwrap(), "what was rolled back is not counted");
}

pub fn descendants_at_once(desk: &Desk) {
    let org = desk.add_org("one");
    let count = |number: usize| {
        desk.store.write(move |session| {
            // Two roots in either order, as units of two nodes may have them.
            let [first, second] = if number.is_multiple_of(2) { [1, 2] } else { [2, 1] };
            Ok([session.count_descendants(org, id(first), 1, 50)?, session.count_descendants(org, id(second), 1, 50)?])
        })
    };
    let counted = desk.runtime.block_on(join_all((0..200).map(count)));
    let counted = counted.into_iter().flat_map(|both| both.expect("counting waits for others"));
    assert_eq!(counted.filter(|counted| *counted).count(), 100);
}
