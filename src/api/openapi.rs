//! `/openapi.json`: the description of the API in OpenAPI 3.1.
//!
//! It is generated from the declarations of the routes ([`super::describe`]), the types of bodies, and the table of
//! error codes. It contains no secrets and needs no key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{
    OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItemBuilder, PathsBuilder,
};
use utoipa::openapi::request_body::{RequestBody as DescribedBody, RequestBodyBuilder};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HttpMethod, InfoBuilder, LicenseBuilder, OpenApiBuilder, Ref, RefOr, Required,
    Response, ResponseBuilder, ResponsesBuilder,
};

use super::describe::{Access, Answer, Content, Endpoint, Group, Operation, RequestBody, SchemaSource, public};
use super::example;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::http::document::{Schemas, document_schema, page_schema, resource_schema, with_schemas};
use crate::http::errors::{Code, ErrorsView};
use crate::objects::EntityKind;
use crate::schema::{self, capitalised};
use crate::usecases::entities::EntityRelationships;

const KEY: &str = "key";
const DESCRIPTION: &str = "Requests are flat JSON objects, answers have the shape of JSON:API. Lists are newest first and \
                           have a link to the next page. Errors have a stable `code`.";

pub(super) fn group() -> Group {
    let describe = public("getOpenApi", "This description").answers_as("application/json");
    Group::new("Operation", "").add(Endpoint::at("/openapi.json").get(show, describe))
}

async fn show() -> HttpResponse {
    static TEXT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(document().to_string()));
    HttpResponse::Ok().content_type("application/json").body(TEXT.clone())
}

/// The whole description.
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    let mut paths = PathsBuilder::new();
    let mut tags: Vec<(&str, &str)> = Vec::new();
    for group in super::groups() {
        if !group.description.is_empty() {
            tags.push((group.name, group.description));
        }
        for endpoint in &group.endpoints {
            let described = endpoint.operations.iter().map(|(method, operation)| (*method, operation));
            let item = described.fold(PathItemBuilder::new(), |item, (method, operation)| {
                item.operation(http_method(method), describe(group.name, endpoint, operation, &mut schemas))
            });
            paths = paths.path(endpoint.path.as_str(), item.build());
        }
    }
    with_schemas::<ErrorsView>(&mut schemas);
    with_schemas::<Id>(&mut schemas);
    with_schemas::<Timestamp>(&mut schemas);
    with_schemas::<EntityRelationships>(&mut schemas);
    for name in EntityKind::ALL.map(|kind| kind.as_str()) {
        let attributes = format!("{}Attributes", capitalised(name));
        let resource = resource_schema(&[name], &attributes, Some(&EntityRelationships::name()));
        schemas.push((capitalised(name), resource));
    }
    let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API key of the org."));
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme(KEY, SecurityScheme::Http(key.build()))
        .build();
    let license = LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0"));
    let info = InfoBuilder::new()
        .title("hookflow")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(license.build()));
    let tags = tags.into_iter().map(|(name, text)| TagBuilder::new().name(name).description(Some(text)).build());
    let document = OpenApiBuilder::new().info(info).paths(paths).components(Some(components)).tags(Some(tags)).build();
    let mut document = serde_json::to_value(document).expect("the description has string keys");
    // Schemas from tables have keywords that the types above lack.
    document["components"]["schemas"]
        .as_object_mut()
        .into_iter()
        .for_each(|schemas| schemas.extend(schema::components()));
    example::add(&mut document);
    document
}

fn http_method(method: &str) -> HttpMethod {
    match method {
        "get" => HttpMethod::Get,
        "post" => HttpMethod::Post,
        "put" => HttpMethod::Put,
        "patch" => HttpMethod::Patch,
        _ => HttpMethod::Delete,
    }
}

fn describe(tag: &str, endpoint: &Endpoint, operation: &Operation, schemas: &mut Schemas) -> OperationBuilder {
    let mut parameters = path_parameters(&endpoint.path);
    parameters.extend(operation.parameters.iter().cloned());
    let mut responses = ResponsesBuilder::new();
    for answer in &operation.answers {
        responses = responses.response(answer.status.to_string(), describe_answer(answer, schemas));
    }
    for (status, codes) in errors(endpoint, operation) {
        if operation.answers.iter().all(|answer| answer.status != status) {
            responses = responses.response(status.to_string(), describe_errors(status, &codes));
        }
    }
    let described = OperationBuilder::new()
        .tag(tag)
        .operation_id(Some(operation.id.as_str()))
        .summary(Some(operation.summary.as_str()))
        .parameters(Some(parameters))
        .request_body(operation.body.as_ref().map(|body| describe_body(body, schemas)))
        .responses(responses.build());
    match operation.access {
        Access::Reader | Access::Admin => described
            .security(SecurityRequirement::new::<_, [String; 0], String>(KEY, []))
            .description(Some(match operation.access {
                Access::Admin => "Needs a key with the role `org.admin`.",
                _ => "Needs a key with the role `org.read` or `org.admin`.",
            })),
        Access::Sender => described.description(Some(
            "The hook's settings decide how senders authenticate, which methods it accepts, and what else it answers.",
        )),
        Access::Public => described,
    }
}

/// The parameters in a path.
fn path_parameters(path: &str) -> Vec<Parameter> {
    let names = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    names.map(|name| path_parameter(path, name)).collect()
}

fn path_parameter(path: &str, name: &str) -> Parameter {
    let text = |description: &str| {
        (ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).into(), description.to_owned())
    };
    let number = |description: &str| {
        (ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).into(), description.to_owned())
    };
    let collection = path.split('/').nth(2).unwrap_or_default();
    let (schema, description): (RefOr<Schema>, String) = match (collection, name) {
        ("customers", "id") => text("An id, or `email=…`, `phone=…` or `externalId=…`."),
        ("users", "id") => text("An id, or `email=…` or `externalId=…`."),
        ("companies" | "conversations" | "messages" | "notes" | "klasses", "id") => text("An id, or `externalId=…`."),
        (_, "klass") => text("The name of a klass, optionally with an `s` at the end."),
        (_, "hash") => text("The secret of the hook's address: 64 hexadecimal characters."),
        ("hooks", "org") => text("The id or the name of the org."),
        (_, "part") => number("The number of the part, from 1; 1 is the body if it has no parts."),
        (_, "version") => number("The number of a version."),
        (_, "before" | "after") => text("The number of a version, `current` or `draft`."),
        _ => (Ref::from_schema_name(Id::name()).into(), "An id.".to_owned()),
    };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

fn describe_body(body: &RequestBody, schemas: &mut Schemas) -> DescribedBody {
    let schema = reference(&body.schema, schemas);
    if let SchemaSource::Type(describe) = &body.schema {
        close(&describe().0, schemas);
    }
    let example = serde_json::from_str(body.example).unwrap_or_else(|_| Value::String(body.example.to_owned()));
    let content = ContentBuilder::new().schema(Some(schema)).example(Some(example)).build();
    let is_needed = if body.is_required { Required::True } else { Required::False };
    RequestBodyBuilder::new().content(body.content_type, content).required(Some(is_needed)).build()
}

/// Marks unknown attributes in request bodies as errors.
fn close(name: &str, schemas: &mut Schemas) {
    for (_, schema) in schemas.iter_mut().filter(|(each, _)| each == name) {
        if let RefOr::T(Schema::Object(object)) = schema {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
}

fn describe_answer(answer: &Answer, schemas: &mut Schemas) -> Response {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let response = match answer.status {
        200 => ResponseBuilder::new().description("Done."),
        201 => {
            let location =
                HeaderBuilder::new().schema(Some(text())).description(Some("The address of the new resource."));
            ResponseBuilder::new().description("Created.").header("Location", location.build())
        }
        202 => ResponseBuilder::new().description("Accepted; the run continues."),
        204 => ResponseBuilder::new().description("Done, without a body."),
        _ => ResponseBuilder::new().description("Not ready."),
    };
    match &answer.content {
        Content::Nothing => response.build(),
        Content::Json(source) => {
            let content = ContentBuilder::new().schema(Some(reference(source, schemas))).build();
            response.content("application/json", content).build()
        }
        Content::Other(content_type) => {
            let is_json = content_type.contains("json");
            let schema = if is_json { RefOr::T(Schema::from(ObjectBuilder::new())) } else { text().into() };
            response.content(*content_type, ContentBuilder::new().schema(Some(schema)).build()).build()
        }
    }
}

/// A reference to a schema. Adds the schema and all that it needs.
fn reference(source: &SchemaSource, schemas: &mut Schemas) -> RefOr<Schema> {
    match source {
        SchemaSource::Type(describe) => {
            let (name, needed) = describe();
            schemas.extend(needed);
            Ref::from_schema_name(name).into()
        }
        SchemaSource::Component(name) => Ref::from_schema_name(name).into(),
        SchemaSource::Anything => RefOr::T(Schema::default()),
        SchemaSource::Document(name) => document_schema(name),
        SchemaSource::Page(name) => page_schema(name),
    }
}

/// The errors of an operation, by status: its own, and those that follow from its kind.
fn errors(endpoint: &Endpoint, operation: &Operation) -> BTreeMap<u16, BTreeSet<Code>> {
    let mut codes: BTreeSet<Code> = operation.errors.iter().copied().collect();
    let has_key = operation.access.has_key();
    // A failure inside can meet every request.
    codes.extend([Code::HeadersTooLarge, Code::Internal]);
    if has_key {
        codes.extend([Code::Unauthorized, Code::Forbidden, Code::Overloaded, Code::Unavailable]);
        if endpoint.path.contains('{') {
            codes.extend([Code::BadRequest, Code::NotFound]);
        }
        if operation.body.is_some() {
            codes.extend([Code::MalformedJson, Code::NestingTooDeep, Code::BodyIncomplete]);
            codes.extend([Code::BodyTooLarge, Code::Invalid]);
        }
        codes.insert(Code::BadParameter);
    }
    if operation.access == Access::Admin {
        codes.extend([Code::Conflict, Code::Invalid]);
    }
    let mut by_status: BTreeMap<u16, BTreeSet<Code>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.row().0).or_default().insert(code);
    }
    by_status
}

fn describe_errors(status: u16, codes: &BTreeSet<Code>) -> Response {
    let list: Vec<String> = codes.iter().map(|code| format!("`{}`: {}.", code.row().1, code.row().2)).collect();
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(ErrorsView::name())))
        .examples_from_iter(codes.iter().map(|code| (code.row().1, error_example(*code))));
    let header = |description: &str| {
        let schema = ObjectBuilder::new().schema_type(Type::String);
        HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
    };
    let response = ResponseBuilder::new().description(list.join(" ")).content("application/json", content.build());
    match status {
        401 => response.header("WWW-Authenticate", header("`Bearer`, if a key is missing or unknown.")).build(),
        405 => response.header("Allow", header("The methods that are allowed.")).build(),
        429 | 503 => response.header("Retry-After", header("Seconds to wait before retrying.")).build(),
        _ => response.build(),
    }
}

/// What an error with this code looks like.
fn error_example(code: Code) -> Example {
    let (status, word, title) = code.row();
    let error = json!({ "status": status.to_string(), "code": word, "title": title, "detail": code.example_detail() });
    ExampleBuilder::new().summary(title).value(Some(json!({ "errors": [error] }))).build()
}
