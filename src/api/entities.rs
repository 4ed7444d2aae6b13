//! `/v1/companies`, `/v1/conversations`, `/v1/messages`, `/v1/notes` and `/v1/users`, and their lists below a customer
//! or a conversation. The same handlers serve all five.

use actix_web::web::{Data, Path, Query};

use super::answer::{created, nothing, one, page};
use super::body::Body;
use super::describe::{Content, Endpoint, Group, Operation, SchemaSource, changes, reads};
use super::query::PageQuery;
use crate::http::errors::{ApiResult, Code};
use crate::objects::EntityKind;
use crate::objects::entity::EntityContent;
use crate::schema::capitalised;
use crate::usecases::entities::{self, LISTS, Owner};
use crate::usecases::{Admin, Reader, Services};

pub fn group() -> Group {
    let all = EntityKind::ALL.into_iter().flat_map(endpoints);
    let below = LISTS.into_iter().map(|(owner, kind)| endpoint_below(owner, kind));
    let group = Group::new("Entities", "Companies, conversations, messages, notes and users.");
    all.chain(below).fold(group, Group::add)
}

fn endpoints(kind: EntityKind) -> [Endpoint; 2] {
    let (word, name, names) = (kind.as_str(), capitalised(kind.as_str()), capitalised(kind.plural()));
    let list_all = reads(format!("list{names}"), format!("All {}, newest first", kind.plural())).paged();
    let create_one = changes(format!("create{name}"), format!("Creates a {word}"))
        .body(format!("New{name}"), example(kind))
        .fails(Code::Taken);
    let show_one = reads(format!("get{name}"), format!("One {word}"));
    let change_one = |verb: &str, summary: String| {
        changes(format!("{verb}{name}"), summary).body(format!("{name}Changes"), "{}").fails(Code::Taken)
    };
    let patch = change_one("change", format!("Changes a {word}: absent attributes stay, null removes one"));
    let put = change_one("put", "The same as `PATCH`".to_owned());
    let delete_one = changes(format!("delete{name}"), format!("Deletes a {word} and what belongs to it"));
    let path = format!("/v1/{}", kind.plural());
    let all = Endpoint::at(path.as_str())
        .get(move |services, reader, query| list(services, reader, kind, query), page_of(list_all, kind))
        .post(move |services, admin, body| create(services, admin, kind, body), new(create_one, kind));
    let each = Endpoint::at(format!("{path}/{{id}}"))
        .get(move |services, reader, address| show(services, reader, kind, address), one_of(show_one, kind))
        .put(move |services, admin, address, body| change(services, admin, kind, address, body), one_of(put, kind))
        .patch(move |services, admin, address, body| change(services, admin, kind, address, body), one_of(patch, kind))
        .delete(move |services, admin, address| delete(services, admin, kind, address), delete_one.answers_nothing());
    [all, each]
}

fn endpoint_below(owner: Owner, kind: EntityKind) -> Endpoint {
    let (word, name, names) = (owner.as_str(), capitalised(kind.as_str()), capitalised(kind.plural()));
    let of = capitalised(word);
    let list_those =
        reads(format!("list{names}Of{of}"), format!("The {} of a {word}, newest first", kind.plural())).paged();
    let create_one = changes(
        format!("create{name}Of{of}"),
        format!("Creates a {} of a {word}, which the body can omit", kind.as_str()),
    )
    .body(format!("{name}Of{of}"), example(kind))
    .fails(Code::Taken);
    Endpoint::at(format!("/v1/{}/{{id}}/{}", owner.plural(), kind.plural()))
        .get(
            move |services, reader, address, query| list_below(services, reader, (owner, kind), address, query),
            page_of(list_those, kind),
        )
        .post(
            move |services, admin, address, body| create_below(services, admin, (owner, kind), address, body),
            new(create_one, kind),
        )
}

fn example(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::Company => r#"{"name": "Acme", "domains": ["acme.example"]}"#,
        EntityKind::Conversation => r#"{"customer": "6b03e07737db00a02c000002", "name": "Where is my order?"}"#,
        EntityKind::Message => r#"{"conversation": "6b03e07737db00a02c000003", "direction": "in", "body": "Hello"}"#,
        EntityKind::Note => r#"{"customer": "6b03e07737db00a02c000002", "body": "Called back"}"#,
        EntityKind::User => r#"{"name": "Bob", "email": "bob@example.com"}"#,
    }
}

fn page_of(operation: Operation, kind: EntityKind) -> Operation {
    operation.answer(200, Content::Json(SchemaSource::Page(capitalised(kind.as_str()))))
}

fn one_of(operation: Operation, kind: EntityKind) -> Operation {
    operation.answer(200, Content::Json(SchemaSource::Document(capitalised(kind.as_str()))))
}

fn new(operation: Operation, kind: EntityKind) -> Operation {
    operation.answer(201, Content::Json(SchemaSource::Document(capitalised(kind.as_str()))))
}

async fn list(services: Data<Services>, reader: Reader, kind: EntityKind, query: Query<PageQuery>) -> ApiResult {
    page(entities::list(&services, &reader, kind, query.paging()?).await?, format!("/v1/{}", kind.plural()))
}

async fn list_below(
    services: Data<Services>,
    reader: Reader,
    (owner, kind): (Owner, EntityKind),
    address: Path<String>,
    query: Query<PageQuery>,
) -> ApiResult {
    let (id, found) = entities::list_below(&services, &reader, (owner, kind), &address, query.paging()?).await?;
    page(found, format!("/v1/{}/{id}/{}", owner.plural(), kind.plural()))
}

async fn show(services: Data<Services>, reader: Reader, kind: EntityKind, address: Path<String>) -> ApiResult {
    one(entities::show(&services, &reader, kind, &address).await?)
}

async fn create(services: Data<Services>, admin: Admin, kind: EntityKind, body: Body) -> ApiResult {
    created(entities::create(&services, &admin, EntityContent::read(kind, body.json()?)?).await?)
}

async fn create_below(
    services: Data<Services>,
    admin: Admin,
    below: (Owner, EntityKind),
    address: Path<String>,
    body: Body,
) -> ApiResult {
    created(entities::create_below(&services, &admin, below, &address, body.json()?).await?)
}

async fn change(
    services: Data<Services>,
    admin: Admin,
    kind: EntityKind,
    address: Path<String>,
    body: Body,
) -> ApiResult {
    one(entities::change(&services, &admin, kind, &address, body.json()?).await?)
}

async fn delete(services: Data<Services>, admin: Admin, kind: EntityKind, address: Path<String>) -> ApiResult {
    entities::delete(&services, &admin, kind, &address).await?;
    nothing()
}
