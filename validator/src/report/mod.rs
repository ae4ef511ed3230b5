//! From a violation to what a person or a tool reads. Rendering is a pure function of the model.

pub mod model;
