//! The base embedder keeps what every base embedder promises, linked in and loaded.

use lapidary_lightgcn as _;

lapidary_testkit::conformance!(base_embedder: "lightgcn");
