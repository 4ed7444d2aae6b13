//! Listening on one node to what another one takes in.

use super::node_beside;
use crate::capture::Events;
use crate::support::ServerBuilder;
use crate::support::database::Kind;
use crate::support::server::send;

#[test]
fn a_listener_on_one_node_sees_what_arrives_at_another() {
    let listened = ServerBuilder::new().on(Kind::Postgres).start();
    let other = node_beside(&listened);
    let mut events = Events::of(&listened, "orders", None);
    for body in ["{}", "{"] {
        let path = crate::support::raw::path_of(&listened.hook_url("orders"));
        send(other.request("POST", &path).header("content-type", "application/json").body(body));
    }
    let mut names = [events.next().0, events.next().0];
    names.sort_unstable();
    assert_eq!(names, ["refusal", "transaction"]);
}
