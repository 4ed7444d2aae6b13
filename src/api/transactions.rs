//! `/v1/transactions`: accepted requests.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, ContentType, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::{Data, Path};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::answer::{all, one};
use super::body::Body;
use super::describe::{Endpoint, Group, changes, reads};
use super::query::path_id;
use crate::http::document::{Document, Page};
use crate::http::errors::{ApiResult, Code};
use crate::usecases::later_runs::{self, LaterRun, LaterRunView, LaterRuns};
use crate::usecases::runs::RunView;
use crate::usecases::transactions::{self, TransactionView};
use crate::usecases::{Admin, Reader, Services};

pub fn group() -> Group {
    let show_transaction = reads("getTransaction", "One accepted request, and the runs that it started");
    let show_file = reads("getFile", "A file that came in a body of several parts, or the body if it is no text");
    let run_transaction = changes("runTransaction", "Runs a transaction with the workflows that listen now")
        .optional_input::<LaterRun>(r#"{"contentType": "application/json"}"#)
        .fails(Code::Conflict);
    let run_transactions = changes("runTransactions", "Runs transactions of a hook whose bodies could not be read")
        .input::<LaterRuns>(r#"{"problem": "malformed_json", "contentType": "text/plain"}"#)
        .fails(Code::Conflict);
    Group::new("Transactions", "What hooks accepted.")
        .add(Endpoint::at("/v1/transactions/{id}/run").post(run, run_transaction.answers::<Page<RunView>>()))
        .add(
            Endpoint::at("/v1/hooks/{id}/transactions/run")
                .post(run_many, run_transactions.answers::<Page<LaterRunView>>()),
        )
        .add(Endpoint::at("/v1/transactions/{id}").get(show, show_transaction.answers::<Document<TransactionView>>()))
        .add(
            Endpoint::at("/v1/transactions/{id}/files/{part}")
                .get(file, show_file.answers_as("application/octet-stream")),
        )
}

async fn show(services: Data<Services>, reader: Reader, id: Path<String>) -> ApiResult {
    one(transactions::show(&services, &reader, path_id("transaction", &id)?).await?)
}

async fn run(services: Data<Services>, admin: Admin, id: Path<String>, body: Body) -> ApiResult {
    let id = path_id("transaction", &id)?;
    let input = LaterRun::read(body.json_or_nothing()?)?;
    all(later_runs::run(&services, &admin, id, input).await?, format!("/v1/transactions/{id}"))
}

async fn run_many(services: Data<Services>, admin: Admin, id: Path<String>, body: Body) -> ApiResult {
    let id = path_id("hook", &id)?;
    let input = LaterRuns::read(body.json()?)?;
    all(later_runs::run_many(&services, &admin, id, input).await?, format!("/v1/hooks/{id}/transactions"))
}

/// The sender of a file may have meant harm, so no client may show it as a page of this server.
async fn file(services: Data<Services>, reader: Reader, path: Path<(String, usize)>) -> ApiResult {
    let (id, part) = path.into_inner();
    let file = transactions::file(&services, &reader, path_id("transaction", &id)?, part).await?;
    Ok(HttpResponse::Ok()
        .insert_header(ContentType::octet_stream())
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CONTENT_DISPOSITION, disposition(&file.name)))
        .body(file.bytes))
}

/// The header that makes an answer a download, with the file's name without folders: in ASCII for every client, and in
/// full.
fn disposition(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let is_plain = |character: char| character.is_ascii_alphanumeric() || " .-_".contains(character);
    let plain: String = name.chars().map(|character| if is_plain(character) { character } else { '_' }).collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, NON_ALPHANUMERIC))
}
