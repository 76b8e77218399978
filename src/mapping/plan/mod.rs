//! The plan: mappings resolved against the descriptors. Every name has become a descriptor; nothing is looked up later.
//! Plain values without behaviour beyond finding one's way in them.
mod access;
mod calls;
mod connection;
mod kind;
mod resource;
mod shapes;
mod target;
mod words;

pub use access::{Access, Role, Setup};
pub use calls::{Answer, Assign, Call, Calls, From};
pub use connection::{Connection, Credentials, Way};
pub use kind::{Column, Constant, Kind, Kubernetes, Syncing};
pub use resource::{Metadata, OwnedBy, Resource, Spec, SubKinds, TOP};
pub use shapes::{Many, Member, MessageShape, Rules, Shape, ShapeId, Shapes};
pub use target::{AnswerPath, Features, Limits, Target, Within};
pub use words::{Condition, Identity, Ownership, Says, Words};
