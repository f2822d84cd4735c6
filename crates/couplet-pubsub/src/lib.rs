//! Publish-subscribe for Couplet components. (XEP-0060)
