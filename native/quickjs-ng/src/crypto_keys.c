/*
 * Elliptic curves: ECDSA and ECDH on P-256, P-384 and P-521, and Ed25519. Keys are bytes: a private one the scalar (Ed25519:
 * the seed), a public one the uncompressed point (Ed25519: its 32 bytes). Encodings around them are the library's affair.
 */
#include "crypto.h"

#include <string.h>

enum { MAX_FIELD = 66, MAX_POINT = 2 * MAX_FIELD + 1, ED25519_KEY = 32, ED25519_SIGNATURE = 64 };

struct curve {
    const char *name;
    int nid;
    int field_bytes;
};

static const struct curve curves[] = {
    {"P-256", NID_X9_62_prime256v1, 32},
    {"P-384", NID_secp384r1, 48},
    {"P-521", NID_secp521r1, 66},
};

static const struct curve *curve_for(JSContext *ctx, JSValueConst name) {
    const struct curve *curve = NULL;
    const char *text = JS_ToCString(ctx, name);
    if (text == NULL) return NULL;
    for (int i = 0; i < BB_COUNT(curves); i++) {
        if (strcmp(curves[i].name, text) == 0) curve = &curves[i];
    }
    if (curve == NULL) JS_ThrowDOMException(ctx, "NotSupportedError", "there is no curve %s here", text);
    JS_FreeCString(ctx, text);
    return curve;
}

/* A key of a curve and, where they are given, its parts. NULL when they are no valid key. */
static EC_KEY *make_key(const struct curve *curve, const uint8_t *scalar, size_t scalar_length, const uint8_t *point,
                        size_t point_length) {
    EC_KEY *key = bb_crypto.EC_KEY_new_by_curve_name(curve->nid);
    if (key == NULL) return NULL;
    const EC_GROUP *group = bb_crypto.EC_KEY_get0_group(key);
    EC_POINT *public_point = bb_crypto.EC_POINT_new(group);
    BIGNUM *private_number = NULL;
    bool good = public_point != NULL;
    if (good && scalar != NULL) {
        private_number = bb_crypto.BN_bin2bn(scalar, (int)scalar_length, NULL);
        good = private_number != NULL && bb_crypto.EC_KEY_set_private_key(key, private_number) == 1;
        if (good && point == NULL) {
            good = bb_crypto.EC_POINT_mul(group, public_point, private_number, NULL, NULL, NULL) == 1;
        }
    }
    if (good && point != NULL) {
        good = bb_crypto.EC_POINT_oct2point(group, public_point, point, point_length, NULL) == 1;
    }
    good = good && bb_crypto.EC_KEY_set_public_key(key, public_point) == 1 && bb_crypto.EC_KEY_check_key(key) == 1;
    bb_crypto.BN_clear_free(private_number);
    bb_crypto.EC_POINT_free(public_point);
    if (good) return key;
    bb_crypto.EC_KEY_free(key);
    bb_crypto.ERR_clear_error();
    return NULL;
}

/* { privateKey, publicKey } of a key; the first only where it has one. */
static JSValue key_parts(JSContext *ctx, const struct curve *curve, const EC_KEY *key) {
    uint8_t point[MAX_POINT], scalar[MAX_FIELD];
    size_t length = bb_crypto.EC_POINT_point2oct(bb_crypto.EC_KEY_get0_group(key), bb_crypto.EC_KEY_get0_public_key(key),
                                                 POINT_CONVERSION_UNCOMPRESSED, point, sizeof point, NULL);
    if (length == 0) return bb_crypto_failed(ctx, "the public key could not be computed");
    JSValue parts = JS_NewObject(ctx);
    if (JS_IsException(parts)) return parts;
    /* defined, not set: a function may have put setters of these names on Object.prototype */
    bool good = JS_DefinePropertyValueStr(ctx, parts, "publicKey", bb_crypto_result(ctx, point, length), JS_PROP_C_W_E) >= 0;
    const BIGNUM *number = bb_crypto.EC_KEY_get0_private_key(key);
    if (good && number != NULL && bb_crypto.BN_bn2binpad(number, scalar, curve->field_bytes) == curve->field_bytes) {
        good = JS_DefinePropertyValueStr(ctx, parts, "privateKey", bb_crypto_result(ctx, scalar, (size_t)curve->field_bytes),
                                         JS_PROP_C_W_E) >= 0;
    }
    explicit_bzero(scalar, sizeof scalar);
    if (good) return parts;
    JS_FreeValue(ctx, parts);
    return JS_EXCEPTION;
}

/* ecGenerate(curve) */
static JSValue js_ec_generate(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val, (void)argc;
    const struct curve *curve = curve_for(ctx, argv[0]);
    if (curve == NULL) return JS_EXCEPTION;
    EC_KEY *key = bb_crypto.EC_KEY_new_by_curve_name(curve->nid);
    JSValue parts = key != NULL && bb_crypto.EC_KEY_generate_key(key) == 1
                        ? key_parts(ctx, curve, key)
                        : bb_crypto_failed(ctx, "the key could not be generated");
    bb_crypto.EC_KEY_free(key);
    return parts;
}

/* ecKey(curve, privateKey | null, publicKey | null): the whole key, checked; null where it is none. */
static JSValue js_ec_key(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val, (void)argc;
    const struct curve *curve = curve_for(ctx, argv[0]);
    if (curve == NULL) return JS_EXCEPTION;
    const uint8_t *scalar = NULL, *point = NULL;
    size_t scalar_length = 0, point_length = 0;
    if (!JS_IsNull(argv[1]) && (scalar = bb_crypto_bytes(ctx, argv[1], &scalar_length)) == NULL) return JS_EXCEPTION;
    if (!JS_IsNull(argv[2]) && (point = bb_crypto_bytes(ctx, argv[2], &point_length)) == NULL) return JS_EXCEPTION;
    EC_KEY *key = make_key(curve, scalar, scalar_length, point, point_length);
    if (key == NULL) return JS_NULL;
    JSValue parts = key_parts(ctx, curve, key);
    bb_crypto.EC_KEY_free(key);
    return parts;
}

/* Hashes the data; false with an exception pending. */
static bool hash_data(JSContext *ctx, JSValueConst name, JSValueConst value, uint8_t *digest, unsigned int *length) {
    size_t data_length;
    const EVP_MD *hash = bb_crypto_hash(ctx, name);
    const uint8_t *data = hash == NULL ? NULL : bb_crypto_bytes(ctx, value, &data_length);
    if (data == NULL) return false;
    if (bb_crypto.EVP_Digest(data, data_length, digest, length, hash, NULL) == 1) return true;
    bb_crypto_failed(ctx, "the digest could not be made");
    return false;
}

/* ecdsaSign(curve, hash, privateKey, data): r and s, one after the other. */
static JSValue js_ecdsa_sign(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val, (void)argc;
    uint8_t digest[EVP_MAX_MD_SIZE], out[2 * MAX_FIELD];
    unsigned int digest_length;
    size_t scalar_length;
    const struct curve *curve = curve_for(ctx, argv[0]);
    const uint8_t *scalar = curve == NULL ? NULL : bb_crypto_bytes(ctx, argv[2], &scalar_length);
    if (scalar == NULL || !hash_data(ctx, argv[1], argv[3], digest, &digest_length)) return JS_EXCEPTION;
    EC_KEY *key = make_key(curve, scalar, scalar_length, NULL, 0);
    ECDSA_SIG *signature = key == NULL ? NULL : bb_crypto.ECDSA_do_sign(digest, (int)digest_length, key);
    bool good = false;
    if (signature != NULL) {
        const BIGNUM *r, *s;
        const int size = curve->field_bytes;
        bb_crypto.ECDSA_SIG_get0(signature, &r, &s);
        good = bb_crypto.BN_bn2binpad(r, out, size) == size && bb_crypto.BN_bn2binpad(s, out + size, size) == size;
    }
    bb_crypto.ECDSA_SIG_free(signature);
    bb_crypto.EC_KEY_free(key);
    if (!good) return bb_crypto_failed(ctx, "the signature could not be made");
    return bb_crypto_result(ctx, out, 2 * (size_t)curve->field_bytes);
}

/* ecdsaVerify(curve, hash, publicKey, signature, data) */
static JSValue js_ecdsa_verify(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val, (void)argc;
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned int digest_length;
    size_t point_length, signature_length;
    const struct curve *curve = curve_for(ctx, argv[0]);
    const uint8_t *point = curve == NULL ? NULL : bb_crypto_bytes(ctx, argv[2], &point_length);
    const uint8_t *bytes = point == NULL ? NULL : bb_crypto_bytes(ctx, argv[3], &signature_length);
    if (bytes == NULL || !hash_data(ctx, argv[1], argv[4], digest, &digest_length)) return JS_EXCEPTION;
    const int size = curve->field_bytes;
    if (signature_length != 2 * (size_t)size) return JS_FALSE;
    EC_KEY *key = make_key(curve, NULL, 0, point, point_length);
    ECDSA_SIG *signature = bb_crypto.ECDSA_SIG_new();
    BIGNUM *r = bb_crypto.BN_bin2bn(bytes, size, NULL), *s = bb_crypto.BN_bin2bn(bytes + size, size, NULL);
    bool good = false;
    if (key != NULL && signature != NULL && r != NULL && s != NULL && bb_crypto.ECDSA_SIG_set0(signature, r, s) == 1) {
        r = s = NULL; /* they are the signature's now */
        good = bb_crypto.ECDSA_do_verify(digest, (int)digest_length, signature, key) == 1;
    }
    bb_crypto.BN_free(r);
    bb_crypto.BN_free(s);
    bb_crypto.ECDSA_SIG_free(signature);
    bb_crypto.EC_KEY_free(key);
    bb_crypto.ERR_clear_error();
    return JS_NewBool(ctx, good);
}

/* ecdh(curve, privateKey, publicKey): the shared secret, the x of the common point. */
static JSValue js_ecdh(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val, (void)argc;
    size_t scalar_length, point_length;
    const struct curve *curve = curve_for(ctx, argv[0]);
    const uint8_t *scalar = curve == NULL ? NULL : bb_crypto_bytes(ctx, argv[1], &scalar_length);
    const uint8_t *point = scalar == NULL ? NULL : bb_crypto_bytes(ctx, argv[2], &point_length);
    if (point == NULL) return JS_EXCEPTION;
    uint8_t secret[MAX_FIELD];
    EC_KEY *own = make_key(curve, scalar, scalar_length, NULL, 0);
    EC_KEY *other = make_key(curve, NULL, 0, point, point_length);
    int length = -1;
    if (own != NULL && other != NULL) {
        length = bb_crypto.ECDH_compute_key(secret, (size_t)curve->field_bytes, bb_crypto.EC_KEY_get0_public_key(other), own, NULL);
    }
    bb_crypto.EC_KEY_free(own);
    bb_crypto.EC_KEY_free(other);
    JSValue result = length == curve->field_bytes ? bb_crypto_result(ctx, secret, (size_t)length)
                                                  : bb_crypto_failed(ctx, "the shared secret could not be computed");
    explicit_bzero(secret, sizeof secret);
    return result;
}

/* ed25519Public(seed) */
static JSValue js_ed25519_public(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val, (void)argc;
    size_t length, public_length = ED25519_KEY;
    uint8_t out[ED25519_KEY];
    const uint8_t *seed = bb_crypto_bytes(ctx, argv[0], &length);
    if (seed == NULL) return JS_EXCEPTION;
    EVP_PKEY *key = bb_crypto.EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, length);
    bool good = key != NULL && bb_crypto.EVP_PKEY_get_raw_public_key(key, out, &public_length) == 1;
    bb_crypto.EVP_PKEY_free(key);
    return good ? bb_crypto_result(ctx, out, public_length) : bb_crypto_failed(ctx, "the seed is no Ed25519 key");
}

/* ed25519Sign(seed, data) */
static JSValue js_ed25519_sign(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val, (void)argc;
    size_t length, data_length, signature_length = ED25519_SIGNATURE;
    uint8_t out[ED25519_SIGNATURE];
    const uint8_t *seed = bb_crypto_bytes(ctx, argv[0], &length);
    const uint8_t *data = seed == NULL ? NULL : bb_crypto_bytes(ctx, argv[1], &data_length);
    if (data == NULL) return JS_EXCEPTION;
    EVP_PKEY *key = bb_crypto.EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, length);
    EVP_MD_CTX *context = bb_crypto.EVP_MD_CTX_new();
    bool good = key != NULL && context != NULL && bb_crypto.EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
                bb_crypto.EVP_DigestSign(context, out, &signature_length, data, data_length) == 1;
    bb_crypto.EVP_MD_CTX_free(context);
    bb_crypto.EVP_PKEY_free(key);
    return good ? bb_crypto_result(ctx, out, signature_length) : bb_crypto_failed(ctx, "the signature could not be made");
}

/* ed25519Verify(publicKey, signature, data) */
static JSValue js_ed25519_verify(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val, (void)argc;
    size_t length, signature_length, data_length;
    const uint8_t *public_key = bb_crypto_bytes(ctx, argv[0], &length);
    const uint8_t *signature = public_key == NULL ? NULL : bb_crypto_bytes(ctx, argv[1], &signature_length);
    const uint8_t *data = signature == NULL ? NULL : bb_crypto_bytes(ctx, argv[2], &data_length);
    if (data == NULL) return JS_EXCEPTION;
    EVP_PKEY *key = bb_crypto.EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, length);
    EVP_MD_CTX *context = bb_crypto.EVP_MD_CTX_new();
    bool good = key != NULL && context != NULL && bb_crypto.EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
                bb_crypto.EVP_DigestVerify(context, signature, signature_length, data, data_length) == 1;
    bb_crypto.EVP_MD_CTX_free(context);
    bb_crypto.EVP_PKEY_free(key);
    bb_crypto.ERR_clear_error();
    return JS_NewBool(ctx, good);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("ecGenerate", 1, js_ec_generate),       JS_CFUNC_DEF("ecKey", 3, js_ec_key),
    JS_CFUNC_DEF("ecdsaSign", 4, js_ecdsa_sign),         JS_CFUNC_DEF("ecdsaVerify", 5, js_ecdsa_verify),
    JS_CFUNC_DEF("ecdh", 3, js_ecdh),                    JS_CFUNC_DEF("ed25519Public", 1, js_ed25519_public),
    JS_CFUNC_DEF("ed25519Sign", 2, js_ed25519_sign),     JS_CFUNC_DEF("ed25519Verify", 3, js_ed25519_verify),
};

void bb_crypto_keys_init(JSContext *ctx, JSValueConst target) {
    JS_SetPropertyFunctionList(ctx, target, functions, BB_COUNT(functions));
}
