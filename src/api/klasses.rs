//! `/v1/klasses`: definitions of custom objects, and the objects.

use actix_web::web::{Data, Path, Query};

use super::answer::{all, created, nothing, one, page, saved};
use super::body::Body;
use super::describe::{Endpoint, Group, changes, reads};
use super::query::PageQuery;
use crate::catalog::Saved;
use crate::http::document::{Document, Page};
use crate::http::errors::{ApiResult, Code};
use crate::objects::klass::KlassDraft;
use crate::usecases::klasses::{self, KlassView};
use crate::usecases::kobjects::{self, KObjectView};
use crate::usecases::{Admin, Reader, Services};

const EXAMPLE: &str =
    r#"{"name": "return", "displayName": "Return", "properties": {"reasonStr": {}, "amountNum": {}}}"#;

pub fn group() -> Group {
    let list_klasses = reads("listKlasses", "All klasses, by name");
    let save_klass =
        changes("saveKlass", "Creates a klass, or replaces the one with its name").body("KlassDeclaration", EXAMPLE);
    let list_kobjects = reads("listKObjects", "The objects of a klass, newest first").paged();
    let create_kobject = changes("createKObject", "Creates an object of a klass")
        .body("NewKObject", r#"{"title": "Online Order", "externalId": "1234", "data": {"orderId": "1234"}}"#)
        .fails(Code::Taken);
    let replace_klass = changes("replaceKlass", "Replaces a klass; the body can omit the name")
        .body("KlassChanges", r#"{"displayName": "Order", "properties": {"orderIdStr": {}}}"#);
    let show_kobject = reads("getKObject", "One object of a klass");
    let change_kobject =
        |id, summary| changes(id, summary).body("KObjectChanges", r#"{"title": "Paid order"}"#).fails(Code::Taken);
    let patch_kobject = change_kobject("changeKObject", "Changes an object: absent attributes stay, null removes one");
    let put_kobject = change_kobject("putKObject", "The same as `PATCH`");
    let delete_kobject = changes("deleteKObject", "Deletes an object");
    Group::new("Klasses", "Custom objects, and the klasses that define them.")
        .add(
            Endpoint::at("/v1/klasses")
                .get(list, list_klasses.answers::<Page<KlassView>>())
                .post(save, save_klass.saves::<Document<KlassView>>()),
        )
        .add(
            Endpoint::at("/v1/klasses/{klass}")
                .get(kobjects, list_kobjects.answers::<Page<KObjectView>>())
                .post(add_kobject, create_kobject.creates::<Document<KObjectView>>())
                .put(replace, replace_klass.answers::<Document<KlassView>>()),
        )
        .add(
            Endpoint::at("/v1/klasses/{klass}/{id}")
                .get(show, show_kobject.answers::<Document<KObjectView>>())
                .put(change, put_kobject.answers::<Document<KObjectView>>())
                .patch(change, patch_kobject.answers::<Document<KObjectView>>())
                .delete(delete, delete_kobject.answers_nothing()),
        )
}

async fn list(services: Data<Services>, reader: Reader) -> ApiResult {
    all(klasses::list(&services, &reader), "/v1/klasses")
}

async fn save(services: Data<Services>, admin: Admin, body: Body) -> ApiResult {
    let (view, is) = klasses::save(&services, &admin, KlassDraft::read(body.json()?)?).await?;
    saved(view, is == Saved::Created)
}

async fn replace(services: Data<Services>, admin: Admin, klass: Path<String>, body: Body) -> ApiResult {
    let (view, is) = klasses::replace(&services, &admin, &klass, body.json()?).await?;
    saved(view, is == Saved::Created)
}

async fn kobjects(services: Data<Services>, reader: Reader, klass: Path<String>, query: Query<PageQuery>) -> ApiResult {
    let (name, found) = kobjects::list(&services, &reader, &klass, query.paging()?).await?;
    page(found, format!("/v1/klasses/{name}"))
}

async fn add_kobject(services: Data<Services>, admin: Admin, klass: Path<String>, body: Body) -> ApiResult {
    created(kobjects::create(&services, &admin, &klass, body.json()?).await?)
}

async fn show(services: Data<Services>, reader: Reader, path: Path<(String, String)>) -> ApiResult {
    let (klass, address) = path.into_inner();
    one(kobjects::show(&services, &reader, &klass, &address).await?)
}

async fn change(services: Data<Services>, admin: Admin, path: Path<(String, String)>, body: Body) -> ApiResult {
    let (klass, address) = path.into_inner();
    one(kobjects::change(&services, &admin, &klass, &address, body.json()?).await?)
}

async fn delete(services: Data<Services>, admin: Admin, path: Path<(String, String)>) -> ApiResult {
    let (klass, address) = path.into_inner();
    kobjects::delete(&services, &admin, &klass, &address).await?;
    nothing()
}
