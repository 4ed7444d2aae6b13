//! `/v1/klasses/{klass}/{id}/relationships`: the kobjects, of whatever klasses, that a kobject is related to.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query, ServiceConfig};

use super::auth::{Admin, Reader};
use super::body::Body;
use super::klasses::{self, finder, require_kobject, show_kobject};
use super::{App, alter, at, path_id};
use crate::changes::{self, ChangeError, Editor};
use crate::http::document::{PageQuery, page};
use crate::http::errors::{ApiError, ApiResult};
use crate::objects::{Fields, KObject, missing};
use crate::store::Session;

pub fn routes(service: &mut ServiceConfig) {
    let all = at("/v1/klasses/{klass}/{id}/relationships", "GET, POST");
    let each = at("/v1/klasses/{klass}/{id}/relationships/{related}", "DELETE");
    service.service(all.get(list).post(add)).service(each.delete(remove));
}

async fn list(app: Data<App>, reader: Reader, path: Path<(String, String)>, query: Query<PageQuery>) -> ApiResult {
    let (klass, address) = path.into_inner();
    let asked = query.page()?;
    let kobject = require_kobject(&app, reader.org, klass, address).await?;
    let read = move |session: &mut dyn Session| session.related_kobjects(reader.org, kobject.id, asked);
    let found = app.door.store.read(read).await?;
    let link = format!("/v1/klasses/{}/{}/relationships", kobject.klass, kobject.id);
    page(found, asked, &link, |kobject| kobject.id, |kobject| show_kobject(reader.org, kobject))
}

/// Takes `klassName` and `kobject`: the klass and the id of the other one.
async fn add(app: Data<App>, admin: Admin, path: Path<(String, String)>, body: Body) -> ApiResult {
    let (klass, address) = path.into_inner();
    let org = admin.org;
    let mut fields = Fields::new(body.json()?);
    let other_klass = fields.text("klassName", 64).flatten();
    if other_klass.is_none() {
        fields.problem("/klassName", "required: the klass of the related kobject");
    }
    let other = fields.id("kobject");
    let (other_klass, other) = fields.finish((other_klass.unwrap_or_default(), other))?;
    let find = finder(org, klasses::require(&app, org, klass).await?.name);
    let relate = move |editor: &mut Editor<'_>, one: KObject| match editor.session.kobject(org, &other_klass, other)? {
        Some(other) => changes::relate_kobjects(editor, &one, &other),
        None => Ok(Err(ChangeError::Invalid(vec![missing("kobject", &other_klass, other)]))),
    };
    alter(&app, org, "kobject", address, find, relate).await??;
    Ok(HttpResponse::NoContent().finish())
}

async fn remove(app: Data<App>, admin: Admin, path: Path<(String, String, String)>) -> ApiResult {
    let (klass, address, other) = path.into_inner();
    let (org, other) = (admin.org, path_id("related kobject", &other)?);
    let find = finder(org, klasses::require(&app, org, klass).await?.name);
    let end = move |editor: &mut Editor<'_>, one: KObject| changes::unrelate_kobjects(editor, &one, other);
    match alter(&app, org, "kobject", address, find, end).await? {
        true => Ok(HttpResponse::NoContent().finish()),
        false => Err(ApiError::not_found("related kobject", other)),
    }
}
