//! A conformance runner for XEP-0060.
