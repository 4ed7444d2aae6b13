//! Addresses, each with its methods, their handlers and what the description of the interface says of them.
//!
//! Each resource's file declares its [`Group`] once: the routes are registered from it, and `/openapi.json` is made from it,
//! so neither can have something that the other lacks. Errors that follow from the kind of an operation (a key, an id in
//! the path, a body) are added by rule.

use actix_web::dev::HttpServiceFactory;
use actix_web::guard::{GuardContext, fn_guard};
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, Responder, Route};
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::{IntoParams, ToSchema};

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
    /// Methods in lower case.
    pub operations: Vec<(&'static str, Operation)>,
    /// Whether the handler answers methods that are not described.
    takes_any: bool,
}

/// What one method of an address does.
pub struct Operation {
    /// Unique, for clients that are generated: `replayRun`.
    pub id: String,
    pub summary: String,
    pub access: Access,
    pub parameters: Vec<Parameter>,
    pub body: Option<RequestBody>,
    /// What is answered if nothing went wrong, and answers that are no errors of the table.
    pub answers: Vec<Answer>,
    /// Beside those that follow from the rest.
    pub errors: Vec<Code>,
}

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Public,
    /// With a key that may read.
    Reader,
    /// With a key that may change everything.
    Admin,
    /// A hook's sender, who may have to prove it.
    Sender,
}

/// What is sent.
pub struct RequestBody {
    pub content_type: &'static str,
    pub schema: SchemaSource,
    pub example: &'static str,
}

/// One status that is answered with, and its body.
pub struct Answer {
    pub status: u16,
    pub content: Content,
}

/// What the body of an answer holds.
pub enum Content {
    Nothing,
    Json(SchemaSource),
    /// Another type of content.
    Other(&'static str),
}

/// Where a schema comes from.
pub enum SchemaSource {
    /// From a type: its name, and all schemas that it needs.
    Type(fn() -> (String, Schemas)),
    /// A component made from a table.
    Component(String),
    /// Any JSON, or none.
    Anything,
    /// One resource of this component, or a page of them.
    Document(String),
    Page(String),
}

/// The name of a type's schema, and all schemas that it needs.
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

/// An operation that takes no key.
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

    /// Takes these query parameters.
    pub fn query<Q: IntoParams>(mut self) -> Operation {
        self.parameters.extend(Q::into_params(|| None));
        self
    }

    /// Takes `pageSize` and `after`.
    pub fn paged(self) -> Operation {
        self.query::<PageQuery>()
    }

    /// Takes a header that may be absent.
    pub fn header(mut self, name: &str, description: &str) -> Operation {
        let header = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header).required(Required::False);
        let schema = ObjectBuilder::new().schema_type(Type::String);
        self.parameters.push(header.description(Some(description)).schema(Some(schema)).build());
        self
    }

    /// Takes JSON of this type.
    pub fn input<T: ToSchema>(self, example: &'static str) -> Operation {
        self.json(SchemaSource::Type(schema_of::<T>), example)
    }

    /// Takes JSON of this component.
    pub fn body(self, component: impl Into<String>, example: &'static str) -> Operation {
        self.json(SchemaSource::Component(component.into()), example)
    }

    fn json(self, schema: SchemaSource, example: &'static str) -> Operation {
        self.content("application/json", schema, example)
    }

    /// Takes another kind of content, or several (`*/*`).
    pub fn content(self, content_type: &'static str, schema: SchemaSource, example: &'static str) -> Operation {
        Operation { body: Some(RequestBody { content_type, schema, example }), ..self }
    }

    /// Answers 200 with this.
    pub fn answers<T: ToSchema>(self) -> Operation {
        self.answer(200, Content::Json(SchemaSource::Type(schema_of::<T>)))
    }

    /// Answers 201 with this, and says where it is.
    pub fn creates<T: ToSchema>(self) -> Operation {
        self.answer(201, Content::Json(SchemaSource::Type(schema_of::<T>)))
    }

    /// Answers 204.
    pub fn answers_nothing(self) -> Operation {
        self.answer(204, Content::Nothing)
    }

    /// Answers 200 with something that is not JSON.
    pub fn answers_as(self, content_type: &'static str) -> Operation {
        self.answer(200, Content::Other(content_type))
    }

    /// Answers 201 if the resource is new, else 200.
    pub fn saves<T: ToSchema>(self) -> Operation {
        self.answers::<T>().creates::<T>()
    }

    /// Answers with this status and a body that is no error of the table.
    pub fn also<T: ToSchema>(self, status: u16) -> Operation {
        self.answer(status, Content::Json(SchemaSource::Type(schema_of::<T>)))
    }

    pub fn answer(mut self, status: u16, content: Content) -> Operation {
        self.answers.push(Answer { status, content });
        self
    }

    /// Can fail like this, too.
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

    /// Takes `GET` where this holds of a request.
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

    /// Leaves it to this route which other methods it takes.
    pub fn any(self, route: Route) -> Endpoint {
        Endpoint { takes_any: true, ..self.route(route) }
    }

    /// Says what a method does.
    pub fn describe(mut self, method: &'static str, operation: Operation) -> Endpoint {
        self.operations.push((method, operation));
        self
    }

    /// The resource that answers at the address. Methods that it does not take are answered with an error like any other.
    fn resource(self) -> impl HttpServiceFactory + 'static {
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
            service.service(endpoint.resource());
        }
    }
}
