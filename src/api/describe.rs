//! Addresses with their methods, handlers and descriptions.
//!
//! The file of each resource declares its [`Group`] once. The routes and `/openapi.json` are made from it, so both
//! always agree. Errors that follow from the kind of an operation (a key, an id in the path, a body) are added
//! automatically.

use actix_web::body::BoxBody;
use actix_web::dev::ServiceRequest;
use actix_web::guard::{GuardContext, fn_guard};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, Resource, Responder, Route};
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::{IntoParams, ToSchema};

use super::inputs::Inputs;
use super::query::PageQuery;
use crate::http::document::{Schemas, with_schemas};
use crate::http::errors::{Code, method_not_allowed};

/// The addresses of one resource.
pub struct Group {
    pub name: &'static str,
    pub description: &'static str,
    pub endpoints: Vec<Endpoint>,
}

/// One address.
pub struct Endpoint {
    pub path: String,
    routes: Vec<Route>,
    /// By method, in lower case.
    pub operations: Vec<(&'static str, Operation)>,
    /// Whether the handler also answers methods that are not described.
    takes_any: bool,
}

/// The description of one method of an address.
pub struct Operation {
    /// Unique, for generated clients: `replayRun`.
    pub id: String,
    pub summary: String,
    pub access: Access,
    pub parameters: Vec<Parameter>,
    pub body: Option<RequestBody>,
    /// Answers on success, and others that are not in the table of errors.
    pub answers: Vec<Answer>,
    /// Errors, except those that follow from the kind of the operation.
    pub errors: Vec<Code>,
}

/// Who can call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Public,
    /// A key with a reading role.
    Reader,
    /// A key with the admin role.
    Admin,
    /// The sender of a hook, authenticated as the hook requires.
    Sender,
}

impl Access {
    /// Whether callers need a key.
    pub fn has_key(self) -> bool {
        matches!(self, Access::Reader | Access::Admin)
    }
}

/// What is sent.
pub struct RequestBody {
    pub content_type: &'static str,
    pub schema: SchemaSource,
    pub example: &'static str,
    pub is_required: bool,
}

/// An answer: its status and its body.
pub struct Answer {
    pub status: u16,
    pub content: Content,
}

/// The body of an answer.
pub enum Content {
    Nothing,
    Json(SchemaSource),
    /// Another content type.
    Other(&'static str),
}

/// The source of a schema.
pub enum SchemaSource {
    /// A type: its name, and all schemas that it needs.
    Type(fn() -> (String, Schemas)),
    /// A component that is generated from a table.
    Component(String),
    /// Any JSON, or none.
    Anything,
    /// A resource of this component, or a page of them.
    Document(String),
    Page(String),
}

/// The schema of a type: its name, and all schemas that it needs.
fn schema_of<T: ToSchema>() -> (String, Schemas) {
    let mut schemas = Schemas::new();
    with_schemas::<T>(&mut schemas);
    (T::name().into_owned(), schemas)
}

/// An operation that reads.
pub fn reads(id: impl Into<String>, summary: impl Into<String>) -> Operation {
    Operation::new(id.into(), summary.into(), Access::Reader)
}

/// An operation that changes something.
pub fn changes(id: impl Into<String>, summary: impl Into<String>) -> Operation {
    Operation::new(id.into(), summary.into(), Access::Admin)
}

/// An operation that needs no key.
pub fn public(id: impl Into<String>, summary: impl Into<String>) -> Operation {
    Operation::new(id.into(), summary.into(), Access::Public)
}

impl Operation {
    fn new(id: String, summary: String, access: Access) -> Operation {
        let (parameters, answers, errors) = (Vec::new(), Vec::new(), Vec::new());
        Operation { id, summary, access, parameters, body: None, answers, errors }
    }

    pub fn access(self, access: Access) -> Operation {
        Operation { access, ..self }
    }

    /// Accepts these query parameters.
    pub fn query<Q: IntoParams>(mut self) -> Operation {
        self.parameters.extend(Q::into_params(|| None));
        self
    }

    /// Accepts `pageSize` and `after`.
    pub fn paged(self) -> Operation {
        self.query::<PageQuery>()
    }

    /// Accepts an optional header.
    pub fn header(mut self, name: &str, description: &str) -> Operation {
        let header = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header).required(Required::False);
        let schema = ObjectBuilder::new().schema_type(Type::String);
        self.parameters.push(header.description(Some(description)).schema(Some(schema)).build());
        self
    }

    /// Accepts JSON of this type.
    pub fn input<T: ToSchema>(self, example: &'static str) -> Operation {
        self.json(SchemaSource::Type(schema_of::<T>), example)
    }

    /// Takes JSON of this type, or nothing.
    pub fn optional_input<T: ToSchema>(self, example: &'static str) -> Operation {
        let operation = self.input::<T>(example);
        Operation { body: operation.body.map(|body| RequestBody { is_required: false, ..body }), ..operation }
    }

    /// Takes JSON of this component.
    pub fn body(self, component: impl Into<String>, example: &'static str) -> Operation {
        self.json(SchemaSource::Component(component.into()), example)
    }

    fn json(self, schema: SchemaSource, example: &'static str) -> Operation {
        self.content("application/json", schema, example)
    }

    /// Accepts another content type, or any (`*/*`).
    pub fn content(self, content_type: &'static str, schema: SchemaSource, example: &'static str) -> Operation {
        let is_required = !matches!(schema, SchemaSource::Anything);
        Operation { body: Some(RequestBody { content_type, schema, example, is_required }), ..self }
    }

    /// Answers 200 with this.
    pub fn answers<T: ToSchema>(self) -> Operation {
        self.answer(200, Content::Json(SchemaSource::Type(schema_of::<T>)))
    }

    /// Answers 201 with this and a `Location`.
    pub fn creates<T: ToSchema>(self) -> Operation {
        self.answer(201, Content::Json(SchemaSource::Type(schema_of::<T>)))
    }

    /// Answers 204.
    pub fn answers_nothing(self) -> Operation {
        self.answer(204, Content::Nothing)
    }

    /// Answers 200 with another content type than JSON.
    pub fn answers_as(self, content_type: &'static str) -> Operation {
        self.answer(200, Content::Other(content_type))
    }

    /// Answers 201 if the resource is new, otherwise 200.
    pub fn saves<T: ToSchema>(self) -> Operation {
        self.answers::<T>().creates::<T>()
    }

    /// Answers with this status and a body that is not an error of the table.
    pub fn also<T: ToSchema>(self, status: u16) -> Operation {
        self.answer(status, Content::Json(SchemaSource::Type(schema_of::<T>)))
    }

    pub fn answer(mut self, status: u16, content: Content) -> Operation {
        self.answers.push(Answer { status, content });
        self
    }

    /// Can also fail with this error.
    pub fn fails(mut self, code: Code) -> Operation {
        self.errors.push(code);
        self
    }
}

macro_rules! methods {
    ($($method:ident)+) => {
        $(
            pub fn $method<F, Args>(self, handler: F, operation: Operation) -> Endpoint
            where
                F: Handler<Args>,
                Args: FromRequest + 'static,
                F::Output: Responder + 'static,
            {
                self.route(web::$method().to(handler)).describe(stringify!($method), operation)
            }
        )+
    };
}

impl Endpoint {
    pub fn at(path: impl Into<String>) -> Endpoint {
        Endpoint { path: path.into(), routes: Vec::new(), operations: Vec::new(), takes_any: false }
    }

    methods! { get post put patch delete }

    /// Handles `GET` requests for which the condition holds.
    pub fn get_if<F, Args>(self, holds: fn(&GuardContext<'_>) -> bool, handler: F, operation: Operation) -> Endpoint
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.route(web::get().guard(fn_guard(holds)).to(handler)).describe("get", operation)
    }

    fn route(mut self, route: Route) -> Endpoint {
        self.routes.push(route);
        self
    }

    /// Handles all other methods with this route.
    pub fn any(self, route: Route) -> Endpoint {
        Endpoint { takes_any: true, ..self.route(route) }
    }

    /// Describes a method.
    pub fn describe(mut self, method: &'static str, operation: Operation) -> Endpoint {
        self.operations.push((method, operation));
        self
    }

    /// The resource that answers at the address. Methods that it does not take are answered with an error like any other.
    fn resource(self) -> Resource {
        // Where another route takes the rest, only requests come here that it does not take: those of `get_if`.
        let described = self.operations.iter().filter(|(method, _)| !self.takes_any || *method == "get");
        let mut methods: Vec<String> = described.map(|(method, _)| method.to_uppercase()).collect();
        methods.sort();
        let methods = methods.join(", ");
        let resource = self.routes.into_iter().fold(web::resource(self.path), |resource, route| resource.route(route));
        resource.default_service(web::to(move |request| method_not_allowed(request, methods.clone())))
    }
}

impl Group {
    pub fn new(name: &'static str, description: &'static str) -> Group {
        Group { name, description, endpoints: Vec::new() }
    }

    pub fn add(mut self, endpoint: Endpoint) -> Group {
        self.endpoints.push(endpoint);
        self
    }

    /// Registers the routes.
    pub fn register(self, service: &mut ServiceConfig) {
        for endpoint in self.endpoints {
            // Senders, and callers without a key, may send whatever they like.
            let is_admin_api = endpoint.operations.iter().all(|(_, operation)| operation.access.has_key());
            let inputs = Inputs::of(&endpoint);
            let resource = endpoint.resource();
            match is_admin_api {
                false => service.service(resource),
                true => {
                    let check = move |request: ServiceRequest, next: Next<BoxBody>| inputs.clone().check(request, next);
                    service.service(resource.wrap(from_fn(check)))
                }
            };
        }
    }
}
