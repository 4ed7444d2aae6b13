//! Results as a JUnit report, for build servers.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::{Failed, Verdict};

/// One suite per file.
pub(super) fn report(verdicts: &[Verdict]) -> Result<String, SerializeError> {
    let mut suites: BTreeMap<&str, TestSuite> = BTreeMap::new();
    for verdict in verdicts {
        let status = match &verdict.failure {
            None => TestCaseStatus::success(),
            Some(failed) => {
                let (kind, message) = match failed {
                    Failed::Mismatches(_) => (NonSuccessKind::Failure, "not as expected"),
                    Failed::Error(_) => (NonSuccessKind::Error, "not executed"),
                };
                let mut status = TestCaseStatus::non_success(kind);
                status.set_message(message).set_description(failed.explained(&verdict.path));
                status
            }
        };
        let mut case = TestCase::new(verdict.case.as_str(), status);
        case.set_time(verdict.took);
        let suite = suites.entry(&verdict.file).or_insert_with(|| TestSuite::new(verdict.file.as_str()));
        suite.add_test_case(case);
    }
    let mut report = Report::new("hookflow");
    report.add_test_suites(suites.into_values());
    report.to_string()
}
