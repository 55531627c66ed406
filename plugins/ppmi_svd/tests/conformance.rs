//! The base embedder keeps what every base embedder promises, linked in and loaded.

use lapidary_ppmi_svd as _;

lapidary_testkit::conformance!(base_embedder: "ppmi_svd");
