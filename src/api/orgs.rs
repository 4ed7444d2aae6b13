//! `/v1/org`: the tenant that a key belongs to.

use actix_web::web::{Data, Path};

use super::answer::one;
use super::describe::{Endpoint, Group, reads};
use super::query::path_id;
use crate::http::document::Document;
use crate::http::errors::ApiResult;
use crate::usecases::orgs::{self, OrgView};
use crate::usecases::{Reader, Services};

pub fn group() -> Group {
    let show_own = reads("getOwnOrg", "The org that the key belongs to");
    let show_org = reads("getOrg", "The same by its id; a key can't see other orgs");
    Group::new("Org", "The tenant that a key belongs to.")
        .add(Endpoint::at("/v1/org").get(own, show_own.answers::<Document<OrgView>>()))
        .add(Endpoint::at("/v1/org/{id}").get(show, show_org.answers::<Document<OrgView>>()))
}

async fn own(services: Data<Services>, reader: Reader) -> ApiResult {
    one(orgs::show(&services, &reader, reader.org())?)
}

async fn show(services: Data<Services>, reader: Reader, id: Path<String>) -> ApiResult {
    one(orgs::show(&services, &reader, path_id("org", &id)?)?)
}
