//! A role that may not do what hookflow needs: `/readyz` says so for as long as that lasts, and names the cause.

use std::sync::Arc;

use serde_json::json;

use crate::support::postgres::{Cluster, TestDatabase};
use crate::support::server::Answer;
use crate::support::{Server, ServerBuilder, wait_for};

/// How often something has to be true in a row.
const LOOKS: usize = 10;

/// A server whose role owns the database and is no superuser.
struct Scene {
    database: Arc<TestDatabase>,
    role: String,
    server: Server,
}

impl Scene {
    fn set() -> Scene {
        let database = Arc::new(Cluster::shared().empty_database());
        let (name, role) = (database.name(), format!("owner_of_{}", database.name()));
        database.execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 'open'; ALTER DATABASE {name} OWNER TO {role}"));
        let mut url: url::Url = database.url().parse().expect("a URL");
        url.set_username(&role).expect("a URL with a user");
        url.set_password(Some("open")).expect("a URL with a password");
        let server = ServerBuilder::new().on_database(database.clone()).database_url(url.as_str()).start();
        Scene { database, role, server }
    }

    fn ready(&self) -> Answer {
        self.server.get_without_key("/readyz")
    }

    fn wait_for_readiness(&self, status: u16) -> Answer {
        wait_for("/readyz to change", || Some(self.ready()).filter(|answer| answer.status == status))
    }

    fn post(&self, id: &str) -> u16 {
        self.server.post_hook("orders", &json!({ "orderId": id, "email": "ann@example.com" })).status
    }
}

#[test]
fn a_right_that_is_missing_for_hooks_makes_the_server_unready() {
    let scene = Scene::set();
    assert_eq!((scene.ready().status, scene.post("1")), (200, 200));
    scene.database.execute(&format!("REVOKE INSERT ON transactions FROM {}", scene.role));
    let answer = scene.wait_for_readiness(503).json();
    assert_eq!(
        answer["reason"],
        "the database refuses writes; hooks are refused until it takes them: the role has no right to INSERT on the \
         table `transactions`; make it the owner of all tables"
    );
    // Other work goes on, and must not make it look ready.
    for number in 0..LOOKS {
        assert_eq!(scene.post(&format!("refused-{number}")), 503);
        scene.server.get("/v1/hooks").expect(200);
        assert_eq!(scene.ready().json(), answer);
    }
    scene.database.execute(&format!("GRANT INSERT ON transactions TO {}", scene.role));
    scene.wait_for_readiness(200);
    assert_eq!(scene.post("2"), 200);
    assert!(scene.server.errors().contains("the role has its rights again"));
}

#[test]
fn the_reason_why_the_database_can_not_be_reached_stays() {
    let scene = Scene::set();
    let role = &scene.role;
    scene.database.execute(&format!(
        "ALTER ROLE {role} CONNECTION LIMIT 0; \
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
    ));
    for number in 0..LOOKS {
        assert_eq!(scene.post(&number.to_string()), 503);
        let answer = scene.wait_for_readiness(503).json();
        let reason = answer["reason"].as_str().expect("a reason");
        assert!(reason.contains(&format!("too many connections for role \"{role}\"")), "{reason}");
    }
    scene.database.execute(&format!("ALTER ROLE {role} CONNECTION LIMIT -1"));
    wait_for("hooks to be accepted", || (scene.post("last") == 200).then_some(()));
    scene.wait_for_readiness(200);
}
