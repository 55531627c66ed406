//! The backbone keeps what every backbone promises, linked in and loaded.

use lapidary_bert4rec as _;

lapidary_testkit::conformance!("bert4rec"; backbone: "bert4rec");
