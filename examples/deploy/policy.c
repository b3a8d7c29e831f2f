/* Run an exported policy in C, and reproduce its golden pairs.
 *
 *     cc -std=gnu11 -O2 -I abi policy.c -o policy -ldl -lm
 *     ./policy libonnxruntime.so push-policy/policy.onnx push-policy/golden.bin
 *
 * onnxruntime is opened by dlopen, so the program runs with every release since 1.13. Each
 * golden pair holds inputs and outputs in the order of the file, little-endian. A robot's
 * loop calls act() once per control period. With memory, the last output is the last input
 * of the next step; zeros at the start of an episode. */
#include <dlfcn.h>
#include <math.h>
#include <onnxruntime_c_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MOST 8 /* inputs, outputs, dimensions */
#define TOLERANCE 1e-5

typedef struct {
  char *name;
  ONNXTensorElementDataType type;
  int64_t shape[MOST];
  size_t rank, count, bytes;
  void *data;
  OrtValue *value;
} Tensor;

static const OrtApi *api;
static OrtSession *session;
static Tensor inputs[MOST], outputs[MOST];
static size_t takes, returns;
static float low[64], high[64]; /* of the action, which is the first output */

static void stop(const char *why) {
  fprintf(stderr, "policy: %s\n", why);
  exit(1);
}

static void check(OrtStatus *status) {
  if (status) stop(api->GetErrorMessage(status));
}

/* Find type and shape of a tensor, give it memory, and make a value of it. */
static void describe(Tensor *one, OrtTypeInfo *type, const OrtMemoryInfo *memory) {
  const OrtTensorTypeAndShapeInfo *info;
  check(api->CastTypeInfoToTensorInfo(type, &info));
  check(api->GetTensorElementType(info, &one->type));
  check(api->GetDimensionsCount(info, &one->rank));
  if (one->rank > MOST) stop("a tensor has too many dimensions");
  check(api->GetDimensions(info, one->shape, one->rank));
  one->shape[0] = 1; /* the batch: one robot */
  one->count = 1;
  for (size_t i = 0; i < one->rank; i++) one->count *= (size_t)one->shape[i];
  one->bytes = one->count * (one->type == ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 ? 1 : 4);
  if (!(one->data = calloc(1, one->bytes))) stop("no memory");
  check(api->CreateTensorWithDataAsOrtValue(memory, one->data, one->bytes, one->shape,
                                            one->rank, one->type, &one->value));
}

static void load(const char *library, const char *file) {
  void *opened = dlopen(library, RTLD_NOW);
  if (!opened) stop(dlerror());
  const OrtApiBase *(*base)(void);
  *(void **)&base = dlsym(opened, "OrtGetApiBase");
  if (!base || !(api = base()->GetApi(13))) stop("this onnxruntime is older than 1.13");
  OrtEnv *env;
  OrtSessionOptions *options;
  OrtMemoryInfo *memory;
  OrtAllocator *allocator;
  OrtModelMetadata *about;
  OrtTypeInfo *type;
  char *limits = NULL, *next;
  check(api->CreateEnv(ORT_LOGGING_LEVEL_WARNING, "policy", &env));
  check(api->CreateSessionOptions(&options));
  check(api->SetIntraOpNumThreads(options, 1)); /* the shortest tail of latencies */
  check(api->CreateSession(env, file, options, &session));
  check(api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory));
  check(api->GetAllocatorWithDefaultOptions(&allocator));
  check(api->SessionGetInputCount(session, &takes));
  check(api->SessionGetOutputCount(session, &returns));
  if (takes > MOST || returns > MOST) stop("too many inputs or outputs");
  for (size_t i = 0; i < takes; i++) {
    check(api->SessionGetInputName(session, i, allocator, &inputs[i].name));
    check(api->SessionGetInputTypeInfo(session, i, &type));
    describe(&inputs[i], type, memory);
  }
  for (size_t i = 0; i < returns; i++) {
    check(api->SessionGetOutputName(session, i, allocator, &outputs[i].name));
    check(api->SessionGetOutputTypeInfo(session, i, &type));
    describe(&outputs[i], type, memory);
  }
  check(api->SessionGetModelMetadata(session, &about));
  check(api->ModelMetadataLookupCustomMetadataMap(about, allocator, "puckrl.limits", &limits));
  if (!limits || outputs[0].count > 64) stop("the file was not written by puck export");
  for (size_t i = 0; i < outputs[0].count; i++, limits = next) {
    low[i] = strtof(limits, &limits);
    high[i] = strtof(limits, &next);
    if (!(low[i] < high[i])) stop("the limits of the action are damaged");
  }
}

/* Return NULL and fill outputs, or say what is wrong with the observation or the action. */
static const char *act(void) {
  const char *takes_[MOST], *returns_[MOST];
  const OrtValue *given[MOST];
  OrtValue *found[MOST];
  for (size_t i = 0; i < takes; i++) {
    takes_[i] = inputs[i].name, given[i] = inputs[i].value;
    if (inputs[i].type != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) continue;
    for (size_t j = 0; j < inputs[i].count; j++)
      if (!isfinite(((float *)inputs[i].data)[j])) return "an input holds NaN or infinity";
  }
  for (size_t i = 0; i < returns; i++)
    returns_[i] = outputs[i].name, found[i] = outputs[i].value;
  check(api->Run(session, NULL, takes_, given, takes, returns_, returns, found));
  for (size_t i = 0; i < outputs[0].count; i++) {
    float action = ((float *)outputs[0].data)[i];
    if (!(action >= low[i] && action <= high[i])) return "the action is out of its limits";
  }
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 4) stop("usage: policy LIBRARY policy.onnx golden.bin");
  load(argv[1], argv[2]);
  FILE *golden = fopen(argv[3], "rb");
  if (!golden) stop("cannot read the golden pairs");
  double worst = 0.0, slowest_us = 0.0;
  int pairs = 0;
  while (fread(inputs[0].data, inputs[0].bytes, 1, golden) == 1) {
    for (size_t i = 1; i < takes; i++)
      if (fread(inputs[i].data, inputs[i].bytes, 1, golden) != 1) stop("a pair is cut");
    struct timespec begun, ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    const char *fault = act();
    clock_gettime(CLOCK_MONOTONIC, &ended);
    if (fault) stop(fault);
    double us = (ended.tv_sec - begun.tv_sec) * 1e6 + (ended.tv_nsec - begun.tv_nsec) / 1e3;
    if (pairs++ > 0 && us > slowest_us) slowest_us = us; /* the first call warms up */
    for (size_t i = 0; i < returns; i++)
      for (size_t j = 0; j < outputs[i].count; j++) {
        float wanted, size = i ? 1.0f : (high[j] - low[j]) / 2;
        if (fread(&wanted, 4, 1, golden) != 1) stop("a pair is cut");
        worst = fmax(worst, fabs(((float *)outputs[i].data)[j] - wanted) / size);
      }
  }
  printf("%d golden pairs, off by at most %.1e, slowest %.0f us\n", pairs, worst, slowest_us);
  return pairs == 0 || !(worst <= TOLERANCE);
}
