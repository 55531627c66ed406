//! lapidary-testkit
