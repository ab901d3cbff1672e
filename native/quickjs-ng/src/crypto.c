/* Digests, HMAC, PBKDF2 and AES of crypto.subtle. What the arguments mean is checked by the library (js/crypto). */
#include "crypto.h"

#include <dlfcn.h>
#include <limits.h>
#include <string.h>

struct bb_crypto_library bb_crypto;

static const char *const library_names[] = {"libcrypto.so.3", "libcrypto.so"};

static bool find_functions(void *library) {
#define BB_CRYPTO_FIND(name)                                                                                           \
    {                                                                                                                  \
        void *found = dlsym(library, #name);                                                                           \
        if (found == NULL) return false;                                                                               \
        memcpy(&bb_crypto.name, &found, sizeof found);                                                                 \
    }
    BB_CRYPTO_FUNCTIONS(BB_CRYPTO_FIND)
#undef BB_CRYPTO_FIND
    return true;
}

bool bb_crypto_open(JSContext *ctx) {
    static bool opened = false;
    for (int i = 0; !opened && i < BB_COUNT(library_names); i++) {
        void *library = dlopen(library_names[i], RTLD_NOW | RTLD_LOCAL);
        opened = library != NULL && find_functions(library);
    }
    if (!opened) {
        JS_ThrowDOMException(ctx, "NotSupportedError", "this machine has no libcrypto of version 3, which crypto.subtle needs");
    }
    return opened;
}

const EVP_MD *bb_crypto_hash(JSContext *ctx, JSValueConst name) {
    const char *text = JS_ToCString(ctx, name);
    if (text == NULL) return NULL;
    const EVP_MD *hash = NULL;
    if (strcmp(text, "SHA-1") == 0) hash = bb_crypto.EVP_sha1();
    else if (strcmp(text, "SHA-256") == 0) hash = bb_crypto.EVP_sha256();
    else if (strcmp(text, "SHA-384") == 0) hash = bb_crypto.EVP_sha384();
    else if (strcmp(text, "SHA-512") == 0) hash = bb_crypto.EVP_sha512();
    else JS_ThrowDOMException(ctx, "NotSupportedError", "there is no hash function %s here", text);
    JS_FreeCString(ctx, text);
    return hash;
}

const uint8_t *bb_crypto_bytes(JSContext *ctx, JSValueConst value, size_t *length) {
    static const uint8_t none = 0;
    const uint8_t *bytes = JS_GetUint8Array(ctx, length, value);
    if (bytes == NULL && !JS_HasException(ctx)) {
        *length = 0;
        return &none;
    }
    if (bytes != NULL && *length > INT_MAX) {
        JS_ThrowDOMException(ctx, "OperationError", "more than 2 GiB at once");
        return NULL;
    }
    return bytes;
}

JSValue bb_crypto_failed(JSContext *ctx, const char *what) {
    bb_crypto.ERR_clear_error();
    return JS_ThrowDOMException(ctx, "OperationError", "%s", what);
}

JSValue bb_crypto_result(JSContext *ctx, const uint8_t *bytes, size_t length) {
    return JS_NewUint8ArrayCopy(ctx, bytes, length);
}

/* digest(hash, data) */
static JSValue js_digest(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val, (void)argc;
    size_t length;
    const EVP_MD *hash = bb_crypto_hash(ctx, argv[0]);
    const uint8_t *data = hash == NULL ? NULL : bb_crypto_bytes(ctx, argv[1], &length);
    if (data == NULL) return JS_EXCEPTION;
    uint8_t out[EVP_MAX_MD_SIZE];
    unsigned int out_length = 0;
    if (bb_crypto.EVP_Digest(data, length, out, &out_length, hash, NULL) != 1) {
        return bb_crypto_failed(ctx, "the digest could not be made");
    }
    return bb_crypto_result(ctx, out, out_length);
}

/* hmac(hash, key, data) */
static JSValue js_hmac(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val, (void)argc;
    size_t key_length, length;
    const EVP_MD *hash = bb_crypto_hash(ctx, argv[0]);
    const uint8_t *key = hash == NULL ? NULL : bb_crypto_bytes(ctx, argv[1], &key_length);
    const uint8_t *data = key == NULL ? NULL : bb_crypto_bytes(ctx, argv[2], &length);
    if (data == NULL) return JS_EXCEPTION;
    uint8_t out[EVP_MAX_MD_SIZE];
    unsigned int out_length = 0;
    if (bb_crypto.HMAC(hash, key, (int)key_length, data, length, out, &out_length) == NULL) {
        return bb_crypto_failed(ctx, "the HMAC could not be made");
    }
    return bb_crypto_result(ctx, out, out_length);
}

/* equal(a, b): in a time that says nothing about where they differ. */
static JSValue js_equal(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val, (void)argc;
    size_t a_length, b_length;
    const uint8_t *a = bb_crypto_bytes(ctx, argv[0], &a_length);
    const uint8_t *b = a == NULL ? NULL : bb_crypto_bytes(ctx, argv[1], &b_length);
    if (b == NULL) return JS_EXCEPTION;
    if (a_length != b_length) return JS_FALSE;
    volatile uint8_t difference = 0;
    for (size_t i = 0; i < a_length; i++) difference |= a[i] ^ b[i];
    return JS_NewBool(ctx, difference == 0);
}

/* pbkdf2(hash, password, salt, iterations, length) */
static JSValue js_pbkdf2(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val, (void)argc;
    size_t password_length, salt_length;
    uint32_t iterations, length;
    const EVP_MD *hash = bb_crypto_hash(ctx, argv[0]);
    const uint8_t *password = hash == NULL ? NULL : bb_crypto_bytes(ctx, argv[1], &password_length);
    const uint8_t *salt = password == NULL ? NULL : bb_crypto_bytes(ctx, argv[2], &salt_length);
    if (salt == NULL || JS_ToUint32(ctx, &iterations, argv[3]) < 0 || JS_ToUint32(ctx, &length, argv[4]) < 0) {
        return JS_EXCEPTION;
    }
    if (iterations > INT_MAX || length > INT_MAX) return bb_crypto_failed(ctx, "too many iterations or too long a result");
    uint8_t *out = bb_alloc(ctx, length + 1);
    if (out == NULL) return JS_EXCEPTION;
    int made = bb_crypto.PKCS5_PBKDF2_HMAC((const char *)password, (int)password_length, salt, (int)salt_length,
                                           (int)iterations, hash, (int)length, out);
    JSValue result = made == 1 ? bb_crypto_result(ctx, out, length) : bb_crypto_failed(ctx, "the key could not be derived");
    js_free(ctx, out);
    return result;
}

enum mode { MODE_GCM, MODE_CBC, MODE_CTR, MODE_COUNT };

static const EVP_CIPHER *cipher_for(enum mode mode, size_t key_length) {
    switch (key_length) {
    case 16:
        return mode == MODE_GCM ? bb_crypto.EVP_aes_128_gcm() : mode == MODE_CBC ? bb_crypto.EVP_aes_128_cbc() : bb_crypto.EVP_aes_128_ctr();
    case 24:
        return mode == MODE_GCM ? bb_crypto.EVP_aes_192_gcm() : mode == MODE_CBC ? bb_crypto.EVP_aes_192_cbc() : bb_crypto.EVP_aes_192_ctr();
    case 32:
        return mode == MODE_GCM ? bb_crypto.EVP_aes_256_gcm() : mode == MODE_CBC ? bb_crypto.EVP_aes_256_cbc() : bb_crypto.EVP_aes_256_ctr();
    default:
        return NULL;
    }
}

struct aes {
    bool encrypt;
    enum mode mode;
    const uint8_t *key, *iv, *aad, *data;
    size_t key_length, iv_length, aad_length, length;
    uint32_t tag_length;
};

/* Writes to `out`, which has room for the data, a block and a tag. The length, or -1. */
static int aes_run(EVP_CIPHER_CTX *cipher, const struct aes *aes, uint8_t *out) {
    const bool gcm = aes->mode == MODE_GCM;
    const EVP_CIPHER *type = cipher_for(aes->mode, aes->key_length);
    const int encrypt = aes->encrypt;
    int written = 0, last = 0;
    size_t data_length = aes->length;
    if (type == NULL || bb_crypto.EVP_CipherInit_ex(cipher, type, NULL, NULL, NULL, encrypt) != 1) return -1;
    if (gcm && bb_crypto.EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_IVLEN, (int)aes->iv_length, NULL) != 1) return -1;
    if (bb_crypto.EVP_CipherInit_ex(cipher, NULL, NULL, aes->key, aes->iv, encrypt) != 1) return -1;
    if (gcm && !encrypt) {
        if (data_length < aes->tag_length) return -1;
        data_length -= aes->tag_length;
        /* The function takes a pointer to what it only reads. */
        uint8_t tag[16];
        memcpy(tag, aes->data + data_length, aes->tag_length);
        if (bb_crypto.EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, (int)aes->tag_length, tag) != 1) return -1;
    }
    if (aes->aad_length > 0 &&
        bb_crypto.EVP_CipherUpdate(cipher, NULL, &written, aes->aad, (int)aes->aad_length) != 1) {
        return -1;
    }
    written = 0;
    if (data_length > 0 && bb_crypto.EVP_CipherUpdate(cipher, out, &written, aes->data, (int)data_length) != 1) return -1;
    if (bb_crypto.EVP_CipherFinal_ex(cipher, out + written, &last) != 1) return -1;
    written += last;
    if (gcm && encrypt) {
        if (bb_crypto.EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, (int)aes->tag_length, out + written) != 1) return -1;
        written += (int)aes->tag_length;
    }
    return written;
}

/* aes(mode, encrypt, key, iv, data, aad, tagBytes): null where the data is not what was encrypted. */
static JSValue js_aes(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val, (void)argc;
    struct aes aes = {.encrypt = JS_ToBool(ctx, argv[1]) == 1};
    int32_t mode;
    if (JS_ToInt32(ctx, &mode, argv[0]) < 0 || JS_ToUint32(ctx, &aes.tag_length, argv[6]) < 0) return JS_EXCEPTION;
    if (mode < 0 || mode >= MODE_COUNT || aes.tag_length > 16) return bb_crypto_failed(ctx, "no such mode or tag");
    aes.mode = (enum mode)mode;
    aes.key = bb_crypto_bytes(ctx, argv[2], &aes.key_length);
    aes.iv = aes.key == NULL ? NULL : bb_crypto_bytes(ctx, argv[3], &aes.iv_length);
    aes.data = aes.iv == NULL ? NULL : bb_crypto_bytes(ctx, argv[4], &aes.length);
    aes.aad = aes.data == NULL ? NULL : bb_crypto_bytes(ctx, argv[5], &aes.aad_length);
    if (aes.aad == NULL) return JS_EXCEPTION;
    if (aes.mode != MODE_GCM && aes.iv_length != 16) return bb_crypto_failed(ctx, "the initial block is not of 16 bytes");
    if (aes.mode == MODE_GCM && aes.iv_length == 0) return bb_crypto_failed(ctx, "the initialization vector is empty");
    if (aes.length > INT_MAX - 64) return bb_crypto_failed(ctx, "more than 2 GiB at once");
    uint8_t *out = bb_alloc(ctx, aes.length + 32);
    if (out == NULL) return JS_EXCEPTION;
    EVP_CIPHER_CTX *cipher = bb_crypto.EVP_CIPHER_CTX_new();
    int written = cipher == NULL ? -1 : aes_run(cipher, &aes, out);
    bb_crypto.EVP_CIPHER_CTX_free(cipher);
    bb_crypto.ERR_clear_error();
    JSValue result = written < 0 ? JS_NULL : bb_crypto_result(ctx, out, (size_t)written);
    js_free(ctx, out);
    return result;
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("digest", 2, js_digest), JS_CFUNC_DEF("hmac", 3, js_hmac),     JS_CFUNC_DEF("equal", 2, js_equal),
    JS_CFUNC_DEF("pbkdf2", 5, js_pbkdf2), JS_CFUNC_DEF("aes", 7, js_aes),
};

/* Loads the library; an exception is pending where there is none. */
void bb_crypto_init(JSContext *ctx, JSValueConst target) {
    if (!bb_crypto_open(ctx)) return;
    JS_SetPropertyFunctionList(ctx, target, functions, BB_COUNT(functions));
    bb_crypto_keys_init(ctx, target);
}
