//! Transactions, and the counts of what was refused.

use bytes::Bytes;
use std::time::Duration;

use hookflow::base::id::Id;
use hookflow::base::time::Timestamp;
use hookflow::hook::HookKind;
use hookflow::hook::transaction::{SkipReason, Transaction, TransactionDetails};
use hookflow::store::{Duplicates, Page, RefusalCount, RefusedRequest, SeenKey};

use super::{ALL, Desk, MOMENT, id};

pub(super) fn transaction(org: Id, hook: usize, number: usize) -> Transaction {
    Transaction {
        id: id(number),
        org,
        hook: id(hook),
        hook_kind: HookKind::Form,
        created_at: MOMENT,
        content_type: Some("application/json".into()),
        headers: vec![("b".into(), "1".into()), ("a".into(), "2".into()), ("b".into(), "3".into())],
        query: Some("x=1&x=2".into()),
        peer: Some("192.0.2.1".into()),
        raw: Bytes::from(format!("{{\"org\": \"{org}\"}}")),
        runs: vec![id(8), id(7)],
        skip_reason: None,
    }
}

pub fn transactions(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let bytes = Transaction {
            content_type: None,
            query: None,
            peer: None,
            headers: Vec::new(),
            raw: Bytes::from_static(b"\xFF\x00\r\n"),
            runs: Vec::new(),
            skip_reason: Some(SkipReason::Captured),
            ..transaction(org, 1, 3)
        };
        let stored = [bytes, transaction(org, 1, 2), transaction(org, 1, 1)];
        stored.iter().rev().try_for_each(|transaction| session.insert_transaction(transaction))?;
        session.insert_transaction(&transaction(org, 2, 4))?;

        assert_eq!(session.transaction(org, id(3))?.as_ref(), Some(&stored[0]), "not as it was, byte for byte");
        assert_eq!(session.transaction(org, id(9))?, None);
        assert_eq!(session.transactions(org, id(1), ALL)?, stored);
        assert_eq!(session.transactions(org, id(1), Page { after: None, size: 2 })?, stored[..2]);
        assert_eq!(session.transactions(org, id(1), Page { after: Some(id(2)), size: 2 })?, stored[2..]);
        assert_eq!(session.transactions(org, id(3), ALL)?, []);
        assert_eq!(session.newest_transactions(org, id(1), id(1), 9)?, [id(3), id(2)]);
        assert_eq!(session.newest_transactions(org, id(1), Id::MIN, 1)?, [id(3)]);
        assert_eq!(session.newest_transactions(org, id(1), id(3), 9)?, []);
        Ok(())
    });
    let org = desk.read(|session| session.orgs()).unwrap()[0].id;
    let again = desk.write(move |session| session.insert_transaction(&transaction(org, 1, 1)));
    assert!(again.is_err(), "an id was stored twice");
}

pub fn refusals(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let later = Timestamp(MOMENT.0 + 1);
        session.add_refusals(org, id(1), "malformed_json", 2, MOMENT)?;
        session.add_refusals(org, id(1), "malformed_json", 3, later)?;
        session.add_refusals(org, id(1), "body_too_large", 1, MOMENT)?;
        session.add_refusals(org, id(2), "body_too_large", 7, MOMENT)?;
        let count = |reason: &str, count, last_at| RefusalCount { reason: reason.into(), count, last_at };
        let counts = [count("body_too_large", 1, MOMENT), count("malformed_json", 5, later)];
        assert_eq!(session.refusals(org, id(1))?, counts);
        assert_eq!(session.refusals(org, id(3))?, []);
        Ok(())
    });
}

pub fn seen_keys(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let key = |hook: usize, digest: &str, transaction: usize, at: Timestamp, days: u64| SeenKey {
            org,
            hook: id(hook),
            key_digest: digest.to_owned(),
            transaction: id(transaction),
            at,
            expires_at: at + days_of(days),
        };
        let later = |days: u64| MOMENT + days_of(days);
        assert_eq!(session.claim_key(&key(1, "a", 11, MOMENT, 2))?, id(11));
        assert_eq!(session.claim_key(&key(1, "b", 12, MOMENT, 9))?, id(12), "another key");
        assert_eq!(session.claim_key(&key(2, "a", 13, MOMENT, 9))?, id(13), "another hook");
        assert_eq!(session.claim_key(&key(1, "a", 14, later(1), 2))?, id(11), "the same");
        let again = Duplicates { count: 1, last_at: later(1) };
        assert_eq!(session.duplicates(org, id(11))?, Some(again));
        assert_eq!(session.duplicates(org, id(14))?, None, "a duplicate makes no transaction");
        assert_eq!(session.duplicates(org, id(12))?.map(|duplicates| duplicates.count), Some(0));
        // The window is counted from the first.
        assert_eq!(session.claim_key(&key(1, "a", 15, later(2), 2))?, id(15), "after it has expired");
        assert_eq!(session.duplicates(org, id(15))?.map(|duplicates| duplicates.count), Some(0));
        assert_eq!(session.forget_keys(org, later(3), 10)?, 0);
        assert_eq!(session.forget_keys(org, later(9), 2)?, 2, "no more at a time");
        assert_eq!(session.forget_keys(org, later(9), 2)?, 1);
        assert_eq!(session.duplicates(org, id(15))?, None);
        Ok(())
    });
}

fn days_of(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

pub fn refused_requests(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let request = |hook: usize, number: usize, reason: &str| RefusedRequest {
            id: id(number),
            org,
            hook: id(hook),
            created_at: MOMENT,
            reason: reason.into(),
            detail: format!("not for {org}"),
            method: "POST".into(),
            path: "/v1/hooks/form/•••".into(),
            query: Some("x=1".into()),
            headers: vec![("b".into(), "1".into()), ("a".into(), "2".into())],
            peer: Some("192.0.2.1".into()),
            content_length: Some(4),
            body: b"\xFF\x00\r\n".to_vec(),
            whole: number % 2 == 1,
            transaction: None,
        };
        let bare = RefusedRequest {
            query: None,
            headers: Vec::new(),
            peer: None,
            content_length: None,
            body: Vec::new(),
            ..request(1, 3, "signature")
        };
        let kept = [request(1, 4, "method"), bare, request(1, 2, "signature"), request(1, 1, "method")];
        kept.iter().try_for_each(|request| session.insert_refused(request))?;
        session.insert_refused(&request(2, 5, "method"))?;

        assert_eq!(session.refused(org, (id(1), Id::MIN), None, ALL)?, kept, "not as they were");
        assert_eq!(session.refused_request(org, id(1), id(3))?.as_ref(), Some(&kept[1]));
        assert_eq!(session.refused_request(org, id(2), id(3))?, None);
        assert_eq!(session.refused(org, (id(1), Id::MIN), Some("signature"), ALL)?, kept[1..3]);
        assert_eq!(session.refused(org, (id(1), Id::MIN), None, Page { after: Some(id(4)), size: 2 })?, kept[1..3]);
        assert_eq!(session.refused(org, (id(3), Id::MIN), None, ALL)?, []);
        assert_eq!(session.refused(org, (id(1), id(2)), None, ALL)?, kept[..2]);
        session.delete_refused_but(4, org, id(1))?;
        assert_eq!(session.refused(org, (id(1), Id::MIN), None, ALL)?, kept);
        session.delete_refused_but(2, org, id(1))?;
        assert_eq!(session.refused(org, (id(1), Id::MIN), None, ALL)?, kept[..2]);
        session.delete_refused_but(0, org, id(1))?;
        assert_eq!(session.refused(org, (id(1), Id::MIN), None, ALL)?, []);
        assert_eq!(session.refused(org, (id(2), Id::MIN), None, ALL)?.len(), 1, "another hook's were deleted");
        Ok(())
    });
}

pub fn kept_requests(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let details = |hook: usize, number: usize, problem: Option<&str>| TransactionDetails {
            problem: problem.map(str::to_owned),
            detail: problem.map(|problem| format!("{problem} in {org}")),
            judgement: problem.is_none().then(|| serde_json::json!({ "op": "eq", "values": ["a", null] })),
            refusal: problem.is_none().then(|| "method".to_owned()),
            ..TransactionDetails::of(&transaction(org, hook, number))
        };
        let unreadable =
            |number: usize| Transaction { skip_reason: Some(SkipReason::Unreadable), ..transaction(org, 1, number) };
        let stored =
            [details(1, 1, Some("a")), details(1, 2, Some("b")), details(1, 3, None), details(1, 4, Some("a"))];
        (1..=4).try_for_each(|number| session.insert_transaction(&unreadable(number)))?;
        stored.iter().try_for_each(|details| session.insert_details(details))?;
        session.insert_details(&details(2, 5, Some("a")))?;

        assert_eq!(session.details(org, id(1), (Id::MIN, Id::MAX))?, stored);
        assert_eq!(session.details(org, id(1), (id(2), id(3)))?, stored[1..3]);
        let numbers = |found: Vec<Transaction>| found.iter().map(|found| found.id).collect::<Vec<_>>();
        assert_eq!(numbers(session.unreadable(org, id(1), None, ALL)?), [id(4), id(2), id(1)]);
        assert_eq!(session.unreadable(org, id(1), Some("a"), ALL)?, [unreadable(4), unreadable(1)]);
        let page = Page { after: Some(id(4)), size: 1 };
        assert_eq!(numbers(session.unreadable(org, id(1), None, page)?), [id(2)]);

        assert_eq!(session.unrun(org, id(1), "a", (Id::MIN, 9))?, [id(1), id(4)]);
        session.insert_later_run(org, id(1), id(1), id(8))?;
        session.insert_later_run(org, id(1), id(1), id(9))?;
        session.insert_later_run(org, id(2), id(5), id(7))?;
        assert_eq!(session.unrun(org, id(1), "a", (Id::MIN, 9))?, [id(4)]);
        assert_eq!(session.unrun(org, id(1), "a", (id(4), 9))?, []);
        assert_eq!(session.later_runs(org, id(1), (id(1), id(4)))?, [(id(1), id(8)), (id(1), id(9))]);
        assert_eq!(session.later_runs(org, id(1), (id(2), id(4)))?, []);
        Ok(())
    });
}

pub fn accepted_refusals(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        assert!(!session.mark_accepted(org, id(1), id(1), id(9))?, "there is no such refusal");
        let request = RefusedRequest {
            id: id(1),
            org,
            hook: id(1),
            created_at: MOMENT,
            reason: "method".into(),
            detail: String::new(),
            method: "PUT".into(),
            path: String::new(),
            query: None,
            headers: Vec::new(),
            peer: None,
            content_length: None,
            body: b"{}".to_vec(),
            whole: true,
            transaction: None,
        };
        session.insert_refused(&request)?;
        assert!(session.mark_accepted(org, id(1), id(1), id(9))?);
        assert!(!session.mark_accepted(org, id(1), id(1), id(8))?, "once only");
        assert_eq!(session.refused_request(org, id(1), id(1))?.and_then(|request| request.transaction), Some(id(9)));
        Ok(())
    });
}
