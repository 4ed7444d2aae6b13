//! Parameters in paths and queries.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::base::id::{Id, InvalidId};
use crate::http::errors::ApiError;
use crate::usecases::{PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, Paging, UseCaseError};

/// An id in a path. An invalid id matches nothing.
pub fn path_id(what: &str, text: &str) -> Result<Id, ApiError> {
    text.parse().map_err(|_| UseCaseError::not_found(what, text).into())
}

/// The page of a list to return.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// The most entries of the page.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 500, default = 50)]
    pub page_size: Option<String>,
    /// The id of the last entry seen; follow `links.next` instead of setting it.
    #[param(value_type = Option<Id>)]
    pub after: Option<String>,
}

impl PageQuery {
    pub fn paging(&self) -> Result<Paging, ApiError> {
        let after = self.after.as_deref().map(str::parse).transpose();
        let after = after.map_err(|error: InvalidId| ApiError::parameter("after", error.to_string()))?;
        Ok(Paging { after, size: page_size(self.page_size.as_deref())? })
    }
}

/// Checks a page size.
pub fn page_size(text: Option<&str>) -> Result<usize, ApiError> {
    let Some(text) = text else { return Ok(PAGE_SIZE_DEFAULT) };
    text.parse()
        .ok()
        .filter(|size| (1..=PAGE_SIZE_MAX).contains(size))
        .ok_or_else(|| ApiError::parameter("pageSize", format!("must be a whole number from 1 to {PAGE_SIZE_MAX}")))
}
