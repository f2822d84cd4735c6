//! framer
