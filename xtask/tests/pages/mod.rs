//! Pages that are made by walking the tree.

pub(crate) mod museum;
pub(crate) mod standards;
mod tree;
