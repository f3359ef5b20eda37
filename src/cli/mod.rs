//! The commands, one file each. Only here is anything printed.

pub mod sample;
