//! The base embedder keeps what every base embedder promises, linked in and loaded.

use lapidary_bpr_mf as _;

lapidary_testkit::conformance!(base_embedder: "bpr_mf");
