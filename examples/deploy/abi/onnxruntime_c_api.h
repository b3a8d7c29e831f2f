/* The part of onnxruntime's C API that policy.c calls, for machines without its headers.
 *
 * The API is a table of function pointers that only ever grows at its end, so a position
 * never changes: the numbers count the functions that are left out. Take the header of
 * onnxruntime's own release where there is one: cc policy.c -I onnxruntime/include.
 * Source of names and order: onnxruntime_c_api.h of onnxruntime 1.13, struct OrtApi.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define ORT_API_VERSION 13

typedef struct OrtEnv OrtEnv;
typedef struct OrtStatus OrtStatus;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtSession OrtSession;
typedef struct OrtValue OrtValue;
typedef struct OrtRunOptions OrtRunOptions;
typedef struct OrtTypeInfo OrtTypeInfo;
typedef struct OrtTensorTypeAndShapeInfo OrtTensorTypeAndShapeInfo;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtModelMetadata OrtModelMetadata;
typedef struct OrtAllocator OrtAllocator;
typedef enum { ORT_LOGGING_LEVEL_WARNING = 2 } OrtLoggingLevel;
typedef enum { OrtArenaAllocator = 1 } OrtAllocatorType;
typedef enum { OrtMemTypeDefault = 0 } OrtMemType;
typedef enum {
  ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT = 1,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 = 2
} ONNXTensorElementDataType;

typedef struct OrtApi {
  void *before_2[2];
  const char *(*GetErrorMessage)(const OrtStatus *);                              /* 2 */
  OrtStatus *(*CreateEnv)(OrtLoggingLevel, const char *, OrtEnv **);
  void *before_7[3];
  OrtStatus *(*CreateSession)(const OrtEnv *, const char *, const OrtSessionOptions *,
                              OrtSession **);                                     /* 7 */
  void *before_9[1];
  OrtStatus *(*Run)(OrtSession *, const OrtRunOptions *, const char *const *,
                    const OrtValue *const *, size_t, const char *const *, size_t,
                    OrtValue **);                                                 /* 9 */
  OrtStatus *(*CreateSessionOptions)(OrtSessionOptions **);
  void *before_24[13];
  OrtStatus *(*SetIntraOpNumThreads)(OrtSessionOptions *, int);                  /* 24 */
  void *before_30[5];
  OrtStatus *(*SessionGetInputCount)(const OrtSession *, size_t *);              /* 30 */
  OrtStatus *(*SessionGetOutputCount)(const OrtSession *, size_t *);
  void *before_33[1];
  OrtStatus *(*SessionGetInputTypeInfo)(const OrtSession *, size_t, OrtTypeInfo **);
  OrtStatus *(*SessionGetOutputTypeInfo)(const OrtSession *, size_t, OrtTypeInfo **);
  void *before_36[1];
  OrtStatus *(*SessionGetInputName)(const OrtSession *, size_t, OrtAllocator *, char **);
  OrtStatus *(*SessionGetOutputName)(const OrtSession *, size_t, OrtAllocator *, char **);
  void *before_49[11];
  OrtStatus *(*CreateTensorWithDataAsOrtValue)(const OrtMemoryInfo *, void *, size_t,
                                               const int64_t *, size_t,
                                               ONNXTensorElementDataType,
                                               OrtValue **);                     /* 49 */
  void *before_55[5];
  OrtStatus *(*CastTypeInfoToTensorInfo)(const OrtTypeInfo *,
                                         const OrtTensorTypeAndShapeInfo **);    /* 55 */
  void *before_60[4];
  OrtStatus *(*GetTensorElementType)(const OrtTensorTypeAndShapeInfo *,
                                     ONNXTensorElementDataType *);               /* 60 */
  OrtStatus *(*GetDimensionsCount)(const OrtTensorTypeAndShapeInfo *, size_t *);
  OrtStatus *(*GetDimensions)(const OrtTensorTypeAndShapeInfo *, int64_t *, size_t);
  void *before_69[6];
  OrtStatus *(*CreateCpuMemoryInfo)(OrtAllocatorType, OrtMemType,
                                    OrtMemoryInfo **);                           /* 69 */
  void *before_78[8];
  OrtStatus *(*GetAllocatorWithDefaultOptions)(OrtAllocator **);                 /* 78 */
  void *before_111[32];
  OrtStatus *(*SessionGetModelMetadata)(const OrtSession *, OrtModelMetadata **);
  void *before_116[4];
  OrtStatus *(*ModelMetadataLookupCustomMetadataMap)(const OrtModelMetadata *,
                                                     OrtAllocator *, const char *,
                                                     char **);                  /* 116 */
} OrtApi;

typedef struct OrtApiBase {
  const OrtApi *(*GetApi)(uint32_t);
  const char *(*GetVersionString)(void);
} OrtApiBase;
