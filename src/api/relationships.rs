//! `/v1/klasses/{klass}/{id}/relationships`: the kobjects that a kobject is related to.

use actix_web::web::{Data, Path, Query};

use super::answer::{nothing, page};
use super::body::Body;
use super::describe::{Endpoint, Group, changes, reads};
use super::query::{PageQuery, path_id};
use crate::http::document::Page;
use crate::http::errors::ApiResult;
use crate::usecases::kobjects::KObjectView;
use crate::usecases::relationships::{self, NewRelationship};
use crate::usecases::{Admin, Reader, Services};

pub fn group() -> Group {
    let list_related = reads("listRelationships", "The kobjects that a kobject is related to, newest first").paged();
    let relate = changes("addRelationship", "Relates two kobjects, which can have different klasses")
        .input::<NewRelationship>(r#"{"klassName": "order", "kobject": "6b03e07737db00a02c000002"}"#);
    let unrelate = changes("removeRelationship", "Ends a relationship");
    Group::new("Klasses", "")
        .add(
            Endpoint::at("/v1/klasses/{klass}/{id}/relationships")
                .get(list, list_related.answers::<Page<KObjectView>>())
                .post(add, relate.answers_nothing()),
        )
        .add(
            Endpoint::at("/v1/klasses/{klass}/{id}/relationships/{related}").delete(remove, unrelate.answers_nothing()),
        )
}

async fn list(
    services: Data<Services>,
    reader: Reader,
    path: Path<(String, String)>,
    query: Query<PageQuery>,
) -> ApiResult {
    let (klass, address) = path.into_inner();
    let (link, found) = relationships::list(&services, &reader, &klass, &address, query.paging()?).await?;
    page(found, link)
}

async fn add(services: Data<Services>, admin: Admin, path: Path<(String, String)>, body: Body) -> ApiResult {
    let (klass, address) = path.into_inner();
    relationships::add(&services, &admin, &klass, &address, NewRelationship::read(body.json()?)?).await?;
    nothing()
}

async fn remove(services: Data<Services>, admin: Admin, path: Path<(String, String, String)>) -> ApiResult {
    let (klass, address, other) = path.into_inner();
    let other = path_id("related kobject", &other)?;
    relationships::remove(&services, &admin, &klass, &address, other).await?;
    nothing()
}
