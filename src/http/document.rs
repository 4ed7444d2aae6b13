//! The shape of answers, which is that of JSON:API: `{"data": …}` for one resource, and pages of a list.
//!
//! A [`Resource`] has its `type` and `id`, what it says of itself as `attributes`, and where it is; its relationships name
//! other resources. All of them are types, so that the description of the API is generated from what is sent.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// The schemas that a type needs, by name.
pub type Schemas = Vec<(String, RefOr<Schema>)>;

/// One resource: `{"data": …}`.
#[derive(Debug, Serialize)]
pub struct Document<T> {
    pub data: T,
}

/// A page of a list, or a whole list.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    pub data: Vec<T>,
    pub meta: PageMeta,
    pub links: PageLinks,
}

/// How long a page is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageMeta {
    /// The most entries of a page; of a list that has no pages, how many it has.
    pub page_size: usize,
}

/// Where a page is, and the next one.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageLinks {
    /// The list, with its filters.
    #[serde(rename = "self")]
    pub own: String,
    /// The next page; null at the end.
    #[schema(required)]
    pub next: Option<String>,
}

/// Where something can be read.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SelfLink {
    #[serde(rename = "self")]
    pub own: String,
}

/// Names another resource.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Identifier {
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    pub id: String,
}

/// Another resource that this one belongs to or names.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Relationship {
    pub data: Identifier,
    pub links: SelfLink,
}

/// The same without a link.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Linkage {
    pub data: Identifier,
}

/// Several other resources.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Linkages {
    pub data: Vec<Identifier>,
}

/// A list of other resources, which is somewhere else.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Listed {
    pub links: SelfLink,
}

/// What a resource says of itself.
pub trait Attributes: Serialize + ToSchema {
    /// Which other resources it names.
    type Relationships: Serialize + ToSchema;

    /// What its `type` can be; any text if empty.
    const TYPES: &'static [&'static str];
}

/// Stands for the relationships of a resource that has none.
#[derive(Debug, Serialize, ToSchema)]
pub enum NoRelationships {}

/// A resource. Its schema is named like its attributes, without the word.
#[derive(Debug, Serialize)]
pub struct Resource<A: Attributes> {
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    pub id: String,
    pub attributes: A,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relationships: Option<A::Relationships>,
    pub links: SelfLink,
}

impl SelfLink {
    pub fn to(link: impl Into<String>) -> SelfLink {
        SelfLink { own: link.into() }
    }
}

impl Identifier {
    pub fn new(kind: impl Into<Cow<'static, str>>, id: impl ToString) -> Identifier {
        Identifier { kind: kind.into(), id: id.to_string() }
    }
}

impl Relationship {
    /// The resource with this id at `{collection}/{id}`.
    pub fn new(kind: impl Into<Cow<'static, str>>, id: impl ToString, collection: &str) -> Relationship {
        let data = Identifier::new(kind, id);
        let links = SelfLink::to(format!("{collection}/{}", data.id));
        Relationship { data, links }
    }
}

impl Listed {
    pub fn at(link: impl Into<String>) -> Listed {
        Listed { links: SelfLink::to(link) }
    }
}

impl<A: Attributes> Resource<A> {
    /// A resource of the only type that its attributes have.
    ///
    /// # Panics
    /// If they have none.
    pub fn new(id: impl ToString, attributes: A, link: impl Into<String>) -> Resource<A> {
        Resource::of_type(A::TYPES[0], id, attributes, link)
    }

    pub fn of_type(
        kind: impl Into<Cow<'static, str>>,
        id: impl ToString,
        attributes: A,
        link: impl Into<String>,
    ) -> Resource<A> {
        Resource { kind: kind.into(), id: id.to_string(), attributes, relationships: None, links: SelfLink::to(link) }
    }

    /// The same resource, with what it names.
    pub fn with(self, relationships: A::Relationships) -> Resource<A> {
        Resource { relationships: Some(relationships), ..self }
    }
}

impl<T: ToSchema> PartialSchema for Document<T> {
    fn schema() -> RefOr<Schema> {
        document_schema(&T::name())
    }
}

impl<T: ToSchema> ToSchema for Document<T> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("{}Document", T::name()))
    }

    fn schemas(schemas: &mut Schemas) {
        with_schemas::<T>(schemas);
    }
}

impl<T: ToSchema> PartialSchema for Page<T> {
    fn schema() -> RefOr<Schema> {
        page_schema(&T::name())
    }
}

impl<T: ToSchema> ToSchema for Page<T> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("{}Page", T::name()))
    }

    fn schemas(schemas: &mut Schemas) {
        with_schemas::<T>(schemas);
        with_schemas::<PageMeta>(schemas);
        with_schemas::<PageLinks>(schemas);
    }
}

/// Adds the schema of a type, and all that it needs.
pub fn with_schemas<T: ToSchema>(schemas: &mut Schemas) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

/// The schema of one resource of this name.
pub fn document_schema(name: &str) -> RefOr<Schema> {
    ObjectBuilder::new().property("data", Ref::from_schema_name(name)).required("data").into()
}

/// The schema of a page of resources of this name.
pub fn page_schema(name: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .property("data", ArrayBuilder::new().items(Ref::from_schema_name(name)))
        .required("data")
        .property("meta", Ref::from_schema_name(PageMeta::name()))
        .required("meta")
        .property("links", Ref::from_schema_name(PageLinks::name()))
        .required("links")
        .into()
}

impl<A: Attributes> PartialSchema for Resource<A> {
    fn schema() -> RefOr<Schema> {
        let relationships = (A::Relationships::name() != NoRelationships::name()).then(A::Relationships::name);
        resource_schema(A::TYPES, &A::name(), relationships.as_deref())
    }
}

impl<A: Attributes> ToSchema for Resource<A> {
    fn name() -> Cow<'static, str> {
        let name = A::name();
        Cow::Owned(name.strip_suffix("Attributes").unwrap_or(&name).to_owned())
    }

    fn schemas(schemas: &mut Schemas) {
        with_schemas::<A>(schemas);
        if A::Relationships::name() != NoRelationships::name() {
            with_schemas::<A::Relationships>(schemas);
        }
        with_schemas::<SelfLink>(schemas);
    }
}

/// The schema of a resource whose attributes and relationships have these names.
pub fn resource_schema(types: &[&str], attributes: &str, relationships: Option<&str>) -> RefOr<Schema> {
    let text = || ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
    let kind = if types.is_empty() { text() } else { text().enum_values(Some(types.iter().copied())) };
    let mut resource = ObjectBuilder::new()
        .property("type", kind)
        .required("type")
        .property("id", text())
        .required("id")
        .property("attributes", Ref::from_schema_name(attributes))
        .required("attributes");
    if let Some(relationships) = relationships {
        resource = resource.property("relationships", Ref::from_schema_name(relationships));
    }
    let links = Ref::from_schema_name(SelfLink::name());
    resource.property("links", links).required("links").into()
}
