// A reducer in plain C. As it stands it works: it reduces every table to zeros. The macros below bring in one fault at
// a time; `tests/plugin_bad.rs` compiles it once a fault.
#include "lapidary_plugin.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef MAGIC
#define MAGIC LAPIDARY_MAGIC
#endif
#ifndef MAJOR
#define MAJOR LAPIDARY_ABI_MAJOR
#endif
#ifndef MINOR
#define MINOR LAPIDARY_ABI_MINOR
#endif
#ifndef TENSOR_ABI
#define TENSOR_ABI LAPIDARY_TENSOR_ABI_STABLE
#endif
#ifndef TORCH
#define TORCH 0
#endif
#ifndef CXX11_ABI
#define CXX11_ABI 1
#endif
#ifndef ENTRY
#define ENTRY lapidary_plugin_entry
#endif
#ifndef MANIFEST
#define MANIFEST &manifest
#endif
#ifndef MANIFEST_SIZE
#define MANIFEST_SIZE sizeof(LapidaryManifest)
#endif
#ifndef COMPONENT_SIZE
#define COMPONENT_SIZE sizeof(LapidaryComponent)
#endif
#ifndef COMPONENTS
#define COMPONENTS &component
#endif
#ifndef KIND
#define KIND "reducer"
#endif
#ifndef NAME
#define NAME "zeros"
#endif
#ifndef SETTINGS
#define SETTINGS "{\"type\":\"object\",\"properties\":{}}"
#endif
#ifndef DEFAULTS
#define DEFAULTS "{}"
#endif
#ifndef DESCRIBED_NAME
#define DESCRIBED_NAME NAME
#endif
#ifndef METHODS
#define METHODS \
    "{\"number\":1,\"name\":\"fit\",\"inputs\":[\"table f32 [V,d]\"],\"outputs\":[]}," \
    "{\"number\":2,\"name\":\"transform\",\"inputs\":[\"table f32 [N,d]\"],\"outputs\":[\"reduced f32 [N,dim]\"]}"
#endif
#ifndef DESCRIPTION
#define DESCRIPTION \
    "{\"kind\":\"" KIND "\",\"name\":\"" DESCRIBED_NAME "\",\"summary\":\"Reduces every table to zeros.\"," \
    "\"settings\":" SETTINGS ",\"defaults\":" DEFAULTS ",\"methods\":[" METHODS "]}"
#endif
#ifndef DESCRIBE
#define DESCRIBE describe
#endif
#ifndef DESCRIBE_STATUS
#define DESCRIBE_STATUS LAPIDARY_STATUS_OK
#endif
#ifndef CREATE_STATUS
#define CREATE_STATUS LAPIDARY_STATUS_OK
#endif
#ifndef INSTANCE
#define INSTANCE calloc(1, sizeof(int64_t))
#endif
#ifndef INVOKE_STATUS
#define INVOKE_STATUS LAPIDARY_STATUS_OK
#endif
#ifndef FIT_REPLY
#define FIT_REPLY "{\"explained_variance\":null}"
#endif
#ifndef OUTPUT
#define OUTPUT zeros(rows(call->inputs[0].tensor), *(int64_t *)instance, 6) // 6 is float32
#endif
#ifndef OUTPUT_NAME
#define OUTPUT_NAME "reduced"
#endif
#ifndef GIVE_TIMES
#define GIVE_TIMES 1
#endif
#ifndef BEFORE_INVOKE
#define BEFORE_INVOKE
#endif

#define STR(text) {(const uint8_t *)(text), sizeof(text) - 1}

// Of libtorch's stable C interface.
int32_t aoti_torch_get_sizes(void *tensor, int64_t **sizes);
int32_t aoti_torch_get_data_ptr(void *tensor, void **data);
int32_t aoti_torch_empty_strided(int64_t ndim, const int64_t *sizes, const int64_t *strides, int32_t dtype,
                                 int32_t device_type, int32_t device_index, void **tensor);
void throw_an_exception(void);

static int64_t rows(void *tensor) {
    int64_t *sizes = NULL;
    return aoti_torch_get_sizes(tensor, &sizes) == 0 ? sizes[0] : 0;
}

static void *zeros(int64_t n, int64_t dim, int32_t dtype) {
    int64_t sizes[2] = {n, dim}, strides[2] = {dim, 1};
    void *tensor = NULL, *data = NULL;
    aoti_torch_empty_strided(2, sizes, strides, dtype, 0, 0, &tensor);
    aoti_torch_get_data_ptr(tensor, &data);
    memset(data, 0, (size_t)(n * dim) * (dtype == 7 ? 8 : 4)); // 7 is float64
    return tensor;
}

static void *ones(int64_t n, int64_t dim) {
    void *tensor = zeros(n, dim, 6), *data = NULL;
    aoti_torch_get_data_ptr(tensor, &data);
    for (int64_t i = 0; i < n * dim; i++) ((float *)data)[i] = 1;
    return tensor;
}

// A tensor without memory, on libtorch's device `meta`.
static void *elsewhere(int64_t n, int64_t dim) {
    int64_t sizes[2] = {n, dim}, strides[2] = {dim, 1};
    void *tensor = NULL;
    aoti_torch_empty_strided(2, sizes, strides, 6, 14, 0, &tensor);
    return tensor;
}

static void put(LapidarySink sink, const char *text) { sink.put(sink.ctx, (const uint8_t *)text, strlen(text)); }

static int32_t describe(LapidarySink reply, LapidarySink error) {
    put(reply, DESCRIPTION);
    put(error, "no words for it");
    return DESCRIBE_STATUS;
}

static int32_t create(LapidaryStr config, void **instance, LapidarySink error) {
    (void)config;
    put(error, "no room");
    if (CREATE_STATUS == LAPIDARY_STATUS_OK) *instance = INSTANCE;
    return CREATE_STATUS;
}

static int32_t invoke(void *instance, LapidaryCall *call) {
    BEFORE_INVOKE;
    if (call->method == 1) {
        char arguments[64] = {0};
        memcpy(arguments, call->arguments.ptr, call->arguments.len < 63 ? call->arguments.len : 63);
        long long dim = 0;
        sscanf(arguments, "{\"dim\":%lld", &dim);
        *(int64_t *)instance = dim;
        put(call->reply, FIT_REPLY);
        return LAPIDARY_STATUS_OK;
    }
    put(call->error, "it went wrong");
    for (int i = 0; i < GIVE_TIMES; i++) {
        LapidaryStr name = STR(OUTPUT_NAME);
        call->outputs.give(call->outputs.ctx, name, OUTPUT);
    }
    return INVOKE_STATUS;
}

static int32_t save(void *instance, LapidaryTensorSink outputs, LapidarySink reply, LapidarySink error) {
    (void)outputs, (void)error;
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)*(int64_t *)instance);
    put(reply, text);
    return LAPIDARY_STATUS_OK;
}

static int32_t load(void *instance, const LapidaryNamedTensor *inputs, size_t n_inputs, LapidaryStr state,
                    LapidarySink error) {
    (void)inputs, (void)n_inputs, (void)error;
    char text[32] = {0};
    memcpy(text, state.ptr, state.len < 31 ? state.len : 31);
    *(int64_t *)instance = atoll(text);
    return LAPIDARY_STATUS_OK;
}

static void destroy(void *instance) { free(instance); }

static const LapidaryComponent component = {
    .size = COMPONENT_SIZE,
    .kind = STR(KIND),
    .name = STR(NAME),
    .describe = DESCRIBE,
    .create = create,
    .invoke = invoke,
    .save = save,
    .load = load,
    .destroy = destroy,
};
static const LapidaryComponent *const components[] = {COMPONENTS};
static const LapidaryManifest manifest = {
    .magic = MAGIC,
    .size = MANIFEST_SIZE,
    .abi_major = MAJOR,
    .abi_minor = MINOR,
    .tensor_abi = TENSOR_ABI,
    .torch = TORCH,
    .cxx11_abi = CXX11_ABI,
    .sdk = STR("none"),
    .plugin = STR("zeros-in-c"),
    .version = STR("1.2.3"),
    .n_components = sizeof components / sizeof components[0],
    .components = components,
};

// It never looks at the host's table, which is allowed.
const LapidaryManifest *ENTRY(const LapidaryHost *host) {
    (void)host;
    return MANIFEST;
}
