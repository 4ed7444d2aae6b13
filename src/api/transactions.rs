//! `/v1/transactions`: accepted requests.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, ContentType, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::{Data, Path};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::answer::one;
use super::describe::{Endpoint, Group, reads};
use super::query::path_id;
use crate::http::document::Document;
use crate::http::errors::ApiResult;
use crate::usecases::transactions::{self, TransactionView};
use crate::usecases::{Reader, Services};

pub fn group() -> Group {
    let show_transaction = reads("getTransaction", "One accepted request, and the runs that it started");
    let show_file = reads("getFile", "A file in a part of the body, or the body itself if it is binary");
    Group::new("Transactions", "The requests that hooks accepted.")
        .add(Endpoint::at("/v1/transactions/{id}").get(show, show_transaction.answers::<Document<TransactionView>>()))
        .add(
            Endpoint::at("/v1/transactions/{id}/files/{part}")
                .get(file, show_file.answers_as("application/octet-stream")),
        )
}

async fn show(services: Data<Services>, reader: Reader, id: Path<String>) -> ApiResult {
    one(transactions::show(&services, &reader, path_id("transaction", &id)?).await?)
}

/// Files come from senders and can be malicious, so they are always downloads and never shown as pages of this server.
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
