//! A run that ends while another process changes the run that waits for it: the end is not missed.

use hookflow::store::{Run, RunStatus};

use super::writers::Writers;
use crate::store::run;

#[test]
fn holding_a_run_waits_for_a_change_and_sees_it() {
    let writers = Writers::new();
    let org = writers.add_org();
    let parent = run(org, 1);
    let id = parent.id;
    let stored = parent.clone();
    writers.write(move |session| session.insert_run(&stored));
    let waiting = Run { status: RunStatus::Waiting, position: Some("2".into()), ..parent };
    let seen = writers.overlap(
        move |session| session.update_run(&mut waiting.clone()),
        move |session| {
            let mut held = session.hold_run(org, id)?.expect("the run is open");
            let seen = (held.status, held.rev);
            held.held = false;
            session.update_run(&mut held)?;
            Ok(seen)
        },
    );
    assert_eq!(seen, (RunStatus::Waiting, 1));
    writers.close();
}
