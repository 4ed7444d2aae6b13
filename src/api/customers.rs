//! `/v1/customers`: customers and their timelines.

use actix_web::web::{Data, Path, Query};

use super::answer::{created, nothing, one, page};
use super::body::Body;
use super::describe::{Endpoint, Group, changes, reads};
use super::query::PageQuery;
use crate::http::document::{Document, Page};
use crate::http::errors::{ApiResult, Code};
use crate::objects::customer::Profile;
use crate::usecases::customers::{self, CustomerView, Merge, TimelineEntry};
use crate::usecases::kobjects::{self, KObjectView};
use crate::usecases::{Admin, Reader, Services};

pub fn group() -> Group {
    let list_customers = reads("listCustomers", "All customers, newest first").paged();
    let create_customer = changes("createCustomer", "Creates a customer")
        .body("NewCustomer", r#"{"name": "Ann", "emails": ["ann@example.com"], "custom": {"tierStr": "gold"}}"#)
        .fails(Code::Taken);
    let show_customer = reads("getCustomer", "One customer");
    let change_customer = |id, summary| {
        changes(id, summary).body("CustomerChanges", r#"{"phones": ["+49 30 901820"]}"#).fails(Code::Taken)
    };
    let patch_customer =
        change_customer("changeCustomer", "Changes a customer: absent attributes stay, null removes one");
    let put_customer = change_customer("putCustomer", "The same as `PATCH`");
    let delete_customer = changes("deleteCustomer", "Deletes a customer and everything that belongs to it");
    let merge_customer = changes("mergeCustomer", "Merges another customer into this one")
        .input::<Merge>(r#"{"source": "6b03e07737db00a02c000002"}"#)
        .fails(Code::Taken);
    let show_timeline = reads("getTimeline", "The kobjects and conversations of a customer, newest first").paged();
    let list_kobjects = reads("listKObjectsOfCustomer", "A customer's objects of a klass, newest first").paged();
    let create_kobject = changes("createKObjectForCustomer", "Creates an object on a customer's timeline")
        .body("KObjectOfCustomer", r#"{"title": "Online Order"}"#)
        .fails(Code::Taken);
    Group::new("Customers", "Customers and their timelines.")
        .add(
            Endpoint::at("/v1/customers")
                .get(list, list_customers.answers::<Page<CustomerView>>())
                .post(create, create_customer.creates::<Document<CustomerView>>()),
        )
        .add(
            Endpoint::at("/v1/customers/{id}")
                .get(show, show_customer.answers::<Document<CustomerView>>())
                .put(change, put_customer.answers::<Document<CustomerView>>())
                .patch(change, patch_customer.answers::<Document<CustomerView>>())
                .delete(delete, delete_customer.answers_nothing()),
        )
        .add(Endpoint::at("/v1/customers/{id}/merge").post(merge, merge_customer.answers::<Document<CustomerView>>()))
        .add(Endpoint::at("/v1/customers/{id}/timeline").get(timeline, show_timeline.answers::<Page<TimelineEntry>>()))
        .add(
            Endpoint::at("/v1/customers/{id}/klasses/{klass}")
                .get(kobjects, list_kobjects.answers::<Page<KObjectView>>())
                .post(add_kobject, create_kobject.creates::<Document<KObjectView>>()),
        )
}

async fn list(services: Data<Services>, reader: Reader, query: Query<PageQuery>) -> ApiResult {
    page(customers::list(&services, &reader, query.paging()?).await?, "/v1/customers")
}

async fn show(services: Data<Services>, reader: Reader, address: Path<String>) -> ApiResult {
    one(customers::show(&services, &reader, &address).await?)
}

async fn create(services: Data<Services>, admin: Admin, body: Body) -> ApiResult {
    created(customers::create(&services, &admin, Profile::read(body.json()?)?).await?)
}

async fn change(services: Data<Services>, admin: Admin, address: Path<String>, body: Body) -> ApiResult {
    one(customers::change(&services, &admin, &address, body.json()?).await?)
}

async fn delete(services: Data<Services>, admin: Admin, address: Path<String>) -> ApiResult {
    customers::delete(&services, &admin, &address).await?;
    nothing()
}

async fn merge(services: Data<Services>, admin: Admin, address: Path<String>, body: Body) -> ApiResult {
    one(customers::merge(&services, &admin, &address, Merge::read(body.json()?)?).await?)
}

async fn timeline(
    services: Data<Services>,
    reader: Reader,
    address: Path<String>,
    query: Query<PageQuery>,
) -> ApiResult {
    let (customer, found) = customers::timeline(&services, &reader, &address, query.paging()?).await?;
    page(found, format!("/v1/customers/{customer}/timeline"))
}

async fn kobjects(
    services: Data<Services>,
    reader: Reader,
    path: Path<(String, String)>,
    query: Query<PageQuery>,
) -> ApiResult {
    let (address, klass) = path.into_inner();
    let (customer, found) = kobjects::list_of_customer(&services, &reader, &address, &klass, query.paging()?).await?;
    page(found, format!("/v1/customers/{customer}/klasses/{klass}"))
}

async fn add_kobject(services: Data<Services>, admin: Admin, path: Path<(String, String)>, body: Body) -> ApiResult {
    let (address, klass) = path.into_inner();
    created(kobjects::create_for_customer(&services, &admin, &address, &klass, body.json()?).await?)
}
