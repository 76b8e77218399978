//! The JSON forms of messages.
use std::collections::HashMap;

use prost_reflect::{FieldDescriptor, MessageDescriptor};

use crate::mapping::repr::{Json, Repr};
use crate::schema::FieldPath;

/// An index into [`Shapes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShapeId(pub usize);

/// The JSON forms of a resource's messages; the first one is the resource's own.
#[derive(Debug, Clone, Default)]
pub struct Shapes(pub Vec<MessageShape>);

impl Shapes {
    /// The resource's own.
    pub fn root(&self) -> &MessageShape {
        &self.0[0]
    }

    /// One of them.
    pub fn get(&self, id: ShapeId) -> &MessageShape {
        &self.0[id.0]
    }

    /// Follows members down through single messages: the way to the last, and the last.
    ///
    /// # Errors
    /// The first name that is no member, and the members that there are in its place.
    pub fn follow(&self, names: &[String]) -> Result<(FieldPath, &Member), (String, Vec<&str>)> {
        let mut shape = Some(self.root());
        let (mut fields, mut last) = (Vec::new(), None);
        for name in names {
            let Some(member) = shape.and_then(|shape| shape.member(name)) else {
                let members = shape.map(|shape| shape.members.as_slice()).unwrap_or_default();
                return Err((name.clone(), members.iter().map(|member| member.json.as_str()).collect()));
            };
            fields.extend(member.path.fields().iter().cloned());
            shape = match (&member.value, member.many) {
                (Shape::Message(id), Many::One) => Some(self.get(*id)),
                _ => None,
            };
            last = Some(member);
        }
        last.map(|member| (FieldPath::new(fields), member)).ok_or_else(|| (String::new(), Vec::new()))
    }
}

/// The JSON form of a message.
#[derive(Debug, Clone)]
pub struct MessageShape {
    /// The message.
    pub message: MessageDescriptor,
    /// Whose rules: by Go's an unknown member is refused, by protobuf's it is dropped.
    pub json: Json,
    /// Its members, in field order, inlined ones in the place of what inlines them.
    pub members: Vec<Member>,
    /// Members by JSON name and by the other name accepted.
    pub by_name: HashMap<String, usize>,
}

impl MessageShape {
    /// The same message, of which these members alone can be said.
    #[must_use]
    pub fn of(&self, members: Vec<Member>) -> Self {
        let mut by_name = HashMap::new();
        for (index, member) in members.iter().enumerate() {
            by_name.extend(
                [Some(&member.json), member.also.as_ref()].into_iter().flatten().map(|n| (n.clone(), index)),
            );
        }
        Self { message: self.message.clone(), json: self.json, members, by_name }
    }

    /// The member that a JSON key means.
    pub fn member(&self, key: &str) -> Option<&Member> {
        self.by_name.get(key).map(|index| &self.members[*index])
    }
}

/// One member of a JSON object.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its JSON name.
    pub json: String,
    /// Another name that is accepted: lowerCamelCase where protobuf's rules hold.
    pub also: Option<String>,
    /// From the object's message to the field: of length one unless messages are inlined on the way.
    pub path: FieldPath,
    /// The field itself, the path's last.
    pub field: FieldDescriptor,
    /// One, many, or by key.
    pub many: Many,
    /// What one value is.
    pub value: Shape,
    /// False: the Go field is no pointer: absent and empty are the same, and a zero time is an absent one.
    pub nullable: bool,
    /// What the mapping says of it.
    pub rules: Rules,
}

/// How many values a member has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Many {
    /// One; also where a representation takes a repeated field as a whole.
    One,
    /// A list.
    List,
    /// An object of values by key.
    Map,
}

/// What one value is.
#[derive(Debug, Clone)]
pub enum Shape {
    /// An object.
    Message(ShapeId),
    /// Anything else.
    Repr(Repr),
}

/// What a mapping says of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// Not part of the custom resource.
    pub omit: bool,
    /// May be a reference to a Secret's key; its value is never shown, hashed or compared.
    pub secret: bool,
    /// Sent even when empty, because the server refuses a resource without it.
    pub present: bool,
    /// Written by the server alone: takes no part in comparisons.
    pub server: bool,
    /// Part of what identifies the resource: with another value it would be another one.
    pub fixed: bool,
}
