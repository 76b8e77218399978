//! The calls of a resource: their methods, how requests are filled, and where answers hold what was asked for.
use prost_reflect::{MethodDescriptor, Value};

use crate::schema::FieldPath;

/// Calls by what they do, each in order of preference: the next is tried when the server answers UNIMPLEMENTED.
#[derive(Debug, Default)]
pub struct Calls {
    /// Reads one.
    pub get: Vec<Call>,
    /// Reads all, in pages.
    pub list: Vec<Call>,
    /// Creates, and fails where the name exists.
    pub create: Vec<Call>,
    /// Updates, and fails where it does not exist or the revision is another.
    pub update: Vec<Call>,
    /// Creates or replaces, whatever is there.
    pub upsert: Vec<Call>,
    /// Deletes.
    pub delete: Vec<Call>,
}

impl Calls {
    /// What a new resource is made with: a call that fails on an existing name, where there is one.
    pub fn creating(&self) -> &[Call] {
        if self.create.is_empty() { &self.upsert } else { &self.create }
    }

    /// All of them by the names that mappings use, those that there are none of included.
    pub fn by_name(&self) -> [(&'static str, &[Call]); 6] {
        [
            ("get", &self.get),
            ("list", &self.list),
            ("create", &self.create),
            ("update", &self.update),
            ("upsert", &self.upsert),
            ("delete", &self.delete),
        ]
    }

    /// What an existing resource is replaced with: a conditional call, where there is one.
    pub fn updating(&self) -> &[Call] {
        if self.update.is_empty() { &self.upsert } else { &self.update }
    }
}

/// One method, how its request is filled, and where its answer holds the resource.
#[derive(Debug, Clone)]
pub struct Call {
    /// The method.
    pub method: MethodDescriptor,
    /// What goes where in the request.
    pub request: Vec<Assign>,
    /// What the answer holds.
    pub answer: Answer,
}

/// One assignment in a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Assign {
    /// The field; the empty path is the request itself.
    pub to: FieldPath,
    /// What it gets.
    pub from: From,
}

/// What a request's field gets.
#[derive(Debug, Clone, PartialEq)]
pub enum From {
    /// The resource.
    Resource,
    /// The resource's name.
    Name,
    /// The revision that was read.
    Revision,
    /// The token of the page asked for.
    Page,
    /// How many resources a page.
    PageSize,
    /// A text that the resource holds: a part of what identifies it, beside its name.
    Member(FieldPath),
    /// Always the same.
    Constant(Value),
}

/// What an answer holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// No resource.
    Nothing,
    /// One; the empty path is the answer itself.
    Resource(FieldPath),
    /// A page of them.
    Page {
        /// The repeated field.
        items: FieldPath,
        /// From one item to the resource; empty: the item is it.
        item: FieldPath,
        /// The token of the next page; none where the list is not paged.
        next: Option<FieldPath>,
    },
}
