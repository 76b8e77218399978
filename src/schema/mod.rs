//! Descriptors: what messages, fields and methods there are, and the options that say how they are written in JSON.
//! Knows nothing of mappings, and reads no files: descriptor sets come in as bytes.
mod options;
mod path;

pub use options::FieldOptions;
pub use path::FieldPath;

use prost_reflect::{DescriptorPool, MessageDescriptor, MethodDescriptor};

/// The protobuf interface of a target.
#[derive(Debug, Clone)]
pub struct Schema {
    pool: DescriptorPool,
}

impl Schema {
    /// Reads an encoded `FileDescriptorSet`, options of its own extensions included.
    ///
    /// # Errors
    /// When the bytes are no descriptor set, or one that does not resolve by itself.
    pub fn from_descriptor_set(bytes: &[u8]) -> Result<Self, prost_reflect::DescriptorError> {
        DescriptorPool::decode(bytes).map(|pool| Self { pool })
    }

    /// An interface that was put together elsewhere.
    pub fn from_pool(pool: DescriptorPool) -> Self {
        Self { pool }
    }

    /// The message of that full name.
    pub fn message(&self, full_name: &str) -> Option<MessageDescriptor> {
        self.pool.get_message_by_name(full_name)
    }

    /// The method of a call as mappings write it: `package.Service/Method`.
    pub fn method(&self, call: &str) -> Option<MethodDescriptor> {
        let (service, method) = call.split_once('/')?;
        self.pool.get_service_by_name(service)?.methods().find(|found| found.name() == method)
    }

    /// Full names of all messages.
    pub fn message_names(&self) -> Vec<String> {
        self.pool.all_messages().map(|message| message.full_name().to_owned()).collect()
    }

    /// Full names of all enums.
    pub fn enum_names(&self) -> Vec<String> {
        self.pool.all_enums().map(|found| found.full_name().to_owned()).collect()
    }

    /// All calls, as mappings write them.
    pub fn calls(&self) -> Vec<String> {
        let services = self.pool.services().collect::<Vec<_>>();
        services
            .iter()
            .flat_map(|service| {
                service.methods().map(move |method| format!("{}/{}", service.full_name(), method.name()))
            })
            .collect()
    }

    /// The descriptors themselves.
    pub fn pool(&self) -> &DescriptorPool {
        &self.pool
    }
}
