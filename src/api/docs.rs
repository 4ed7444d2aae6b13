//! `/docs`: the description of the API as a page that works offline.
//!
//! A crate contains Swagger UI as one ZIP archive. Its files are deflated, so they are sent unchanged within a gzip
//! frame, and never unpacked.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY};
use actix_web::web::Bytes;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;

use super::describe::{Endpoint, Group, public};

/// Scripts are only loaded from this server, and the page has no inline scripts.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const PAGE: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>hookflow: HTTP interface</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<noscript>This page needs JavaScript. The description is at <a href="/openapi.json">/openapi.json</a>.</noscript>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"#;
const START: &str = r##"SwaggerUIBundle({ url: "/openapi.json", dom_id: "#page", deepLinking: true, validatorUrl: null });
"##;

pub(super) fn group() -> Group {
    let file = |id, kind| public(id, "A part of the page at `/docs`").answers_as(kind);
    let show_page = public("getDocs", "This description as a page").answers_as(HTML);
    Group::new("Operation", "")
        .add(Endpoint::at("/docs").get(page, show_page))
        .add(Endpoint::at("/docs/start.js").get(start, file("getDocsStart", SCRIPT)))
        .add(Endpoint::at("/docs/swagger-ui.css").get(style, file("getDocsStyle", CSS)))
        .add(Endpoint::at("/docs/swagger-ui-bundle.js").get(bundle, file("getDocsBundle", SCRIPT)))
}

async fn page() -> HttpResponse {
    HttpResponse::Ok().content_type(HTML).insert_header((CONTENT_SECURITY_POLICY, POLICY)).body(PAGE)
}

async fn start() -> HttpResponse {
    HttpResponse::Ok().content_type(SCRIPT).body(START)
}

async fn style() -> HttpResponse {
    static FILE: LazyLock<Bytes> = LazyLock::new(|| archived("dist/swagger-ui.css"));
    send(CSS, FILE.clone())
}

async fn bundle() -> HttpResponse {
    static FILE: LazyLock<Bytes> = LazyLock::new(|| archived("dist/swagger-ui-bundle.js"));
    send(SCRIPT, FILE.clone())
}

fn send(content_type: &str, file: Bytes) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((CONTENT_ENCODING, "gzip"))
        .insert_header((CACHE_CONTROL, "max-age=86400"))
        .body(file)
}

fn archived(name: &str) -> Bytes {
    gzipped(SWAGGER_UI_VENDORED, name).expect("the archive holds the files of Swagger UI, deflated").into()
}

/// The file of a ZIP archive whose name ends with `name`, as gzip; `None` if it is missing or not deflated.
fn gzipped(archive: &[u8], name: &str) -> Option<Vec<u8>> {
    // The directory's end record: "PK\5\6", of which 10..12 is the number of entries and 16..20 where the directory begins.
    let end = archive.len().checked_sub(22)?;
    let end = (0..=end).rev().find(|start| archive[*start..].starts_with(b"PK\x05\x06"))?;
    let mut entry = number(archive, end + 16, 4)?;
    for _ in 0..number(archive, end + 10, 2)? {
        let [name_length, extra, comment] = [28, 30, 32].map(|field| number(archive, entry + field, 2));
        let (name_length, extra, comment) = (name_length?, extra?, comment?);
        if archive.get(entry + 46..entry + 46 + name_length)?.ends_with(name.as_bytes()) {
            const DEFLATED: usize = 8;
            let (method, length) = (number(archive, entry + 10, 2)?, number(archive, entry + 20, 4)?);
            let local = number(archive, entry + 42, 4)?;
            let start = local + 30 + number(archive, local + 26, 2)? + number(archive, local + 28, 2)?;
            let deflated = archive.get(start..start + length).filter(|_| method == DEFLATED)?;
            let (checksum, size) = (archive.get(entry + 16..entry + 20)?, archive.get(entry + 24..entry + 28)?);
            return Some([b"\x1f\x8b\x08\0\0\0\0\0\0\xff", deflated, checksum, size].concat());
        }
        entry += 46 + name_length + extra + comment;
    }
    None
}

/// A little-endian number of `length` bytes.
fn number(bytes: &[u8], start: usize, length: usize) -> Option<usize> {
    let bytes = bytes.get(start..start + length)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn files_of_the_archive_are_gzip() {
        for (name, text) in [("dist/swagger-ui.css", ".swagger-ui"), ("dist/swagger-ui-bundle.js", "SwaggerUIBundle")] {
            let mut unpacked = String::new();
            flate2::read::GzDecoder::new(archived(name).as_ref()).read_to_string(&mut unpacked).unwrap();
            assert!(unpacked.contains(text), "{name}");
        }
        assert_eq!(gzipped(SWAGGER_UI_VENDORED, "no/such/file"), None);
        assert_eq!(gzipped(b"no archive", "file"), None);
    }
}
