//! The yardstick: a POST handler of the same web server with the same settings, that reads the body and does nothing.
//!
//! How fast it is says how fast the machine is at this moment, so that ratios to it can be compared between machines
//! and days. Its answer has the shape and the length of hookflow's.

use actix_web::{App, HttpResponse, HttpServer, web};

use crate::Result;

const ANSWER: &str = concat!(
    r#"{"data":{"id":"69229e4d0a1b2c3d4e000001","type":"transaction","#,
    r#""links":{"self":"/v1/transactions/69229e4d0a1b2c3d4e000001"}}}"#
);

/// Serves until killed; prints where.
pub fn serve() -> Result<()> {
    actix_web::rt::System::new().block_on(async {
        let app = || App::new().route("/v1/hooks/form/{hash}", web::post().to(answer));
        let server = HttpServer::new(app).bind(("127.0.0.1", 0))?;
        println!("http://{}", server.addrs()[0]);
        server.run().await
    })?;
    Ok(())
}

async fn answer(body: web::Bytes) -> HttpResponse {
    std::hint::black_box(body);
    HttpResponse::Ok().content_type("application/json").body(ANSWER)
}
