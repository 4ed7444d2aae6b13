//! Lists that are longer than what a database may keep together, with gaps, and with rows that come late.

use hookflow::base::id::Id;
use hookflow::store::{Page, RunFilter, RunStatus, Session, StoreError, StoreResult};

use super::intake::transaction;
use super::objects::{customer, kobject};
use super::runs::run;
use super::{Desk, id};

/// How many rows each kind gets.
const ROWS: usize = 3_000;
/// How many rows a unit inserts.
const UNIT: usize = 100;

/// The hook and the workflow of a row, of which one is rare, and the name of its klass.
fn owner(number: usize) -> (usize, &'static str) {
    match number % 701 {
        0 => (9_003, "rare"),
        rest => (9_001 + rest % 2, ["claim", "order"][rest % 2]),
    }
}

fn insert(session: &mut dyn Session, org: Id, number: usize) -> StoreResult<()> {
    let (of, klass) = owner(number);
    session.insert_transaction(&transaction(org, of, number))?;
    let ended = super::runs::ended(run(org, number), id(of));
    session.insert_run(&ended)?;
    assert_eq!(session.insert_kobject(org, &kobject(number, klass, None, None))?, Ok(()));
    let profile = serde_json::json!({ "email": format!("{number}@example.com") });
    assert_eq!(session.insert_customer(org, &customer(number, profile))?, Ok(()));
    Ok(())
}

/// All of a list, page by page.
fn all_pages(mut read: impl FnMut(Page) -> StoreResult<Vec<Id>>) -> Vec<Id> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = read(Page { after, size: 170 }).unwrap();
        all.extend(&page);
        match page.last() {
            Some(last) if page.len() == 170 => after = Some(*last),
            _ => return all,
        }
    }
}

pub fn long(desk: &Desk) {
    let [org, other] = [desk.add_org("one"), desk.add_org("two")];
    // One in fifty is stored after those that follow it.
    let is_late = |number: &usize| number.is_multiple_of(50);
    for first in (1..=ROWS).step_by(UNIT) {
        desk.write(move |session| {
            (first..first + UNIT).filter(|number| !is_late(number)).try_for_each(|number| {
                let org = if number.is_multiple_of(3) { other } else { org };
                insert(session, org, number)
            })
        })
        .unwrap();
        // What is rolled back leaves no trace.
        let lost: StoreResult<()> = desk.write(move |session| {
            (first..first + UNIT).try_for_each(|number| insert(session, org, ROWS + number))?;
            Err(StoreError::Fenced)
        });
        assert!(lost.is_err());
    }
    desk.write(move |session| {
        (1..=ROWS)
            .filter(is_late)
            .try_for_each(|number| insert(session, if number.is_multiple_of(3) { other } else { org }, number))
    })
    .unwrap();

    for (in_org, org) in [(false, org), (true, other)] {
        let expected = |is_listed: &dyn Fn(usize) -> bool| {
            let numbers = (1..=ROWS).rev().filter(|number| number.is_multiple_of(3) == in_org && is_listed(*number));
            numbers.map(id).collect::<Vec<Id>>()
        };
        let read = |list: fn(&mut dyn Session, Id, usize, Page) -> StoreResult<Vec<Id>>, of: usize| {
            all_pages(|page| desk.read(move |session| list(session, org, of, page)))
        };
        let all = expected(&|_| true);
        assert_eq!(read(|session, org, _, page| runs(session, org, RunFilter::default(), page), 0), all);
        assert_eq!(
            read(|session, org, _, page| Ok(session.customers(org, page)?.iter().map(|found| found.id).collect()), 0),
            all
        );
        for of in [9_001, 9_002, 9_003, 9_004] {
            let expected = expected(&|number| owner(number).0 == of);
            let transactions = read(
                |session, org, of, page| {
                    let found = session.transactions(org, id(of), page)?;
                    Ok(found.iter().map(|transaction| transaction.id).collect())
                },
                of,
            );
            assert_eq!(transactions, expected, "of hook {of}");
            for status in [None, Some(RunStatus::Completed)] {
                let filter = move |of| RunFilter { workflow: Some(id(of)), status };
                let list = all_pages(|page| desk.read(move |session| runs(session, org, filter(of), page)));
                assert_eq!(list, expected, "of workflow {of}");
            }
            let newest = desk.read(move |session| session.newest_transactions(org, id(of), id(2_000), 5_000)).unwrap();
            assert_eq!(newest, expected.iter().copied().filter(|found| *found > id(2_000)).collect::<Vec<_>>());
        }
        for (klass, of) in [("claim", 9_001), ("order", 9_002), ("rare", 9_003), ("none", 9_004)] {
            let list = all_pages(|page| {
                let found = desk.read(move |session| session.kobjects(org, Some(klass), None, page))?;
                Ok(found.iter().map(|kobject| kobject.id).collect())
            });
            assert_eq!(list, expected(&|number| owner(number).0 == of), "{klass}");
        }
    }
}

fn runs(session: &mut dyn Session, org: Id, filter: RunFilter, page: Page) -> StoreResult<Vec<Id>> {
    Ok(session.runs(org, &filter, page)?.iter().map(|run| run.id).collect())
}
