/*
 * libcrypto, loaded when it is first needed: loading it costs a worker more time and memory than all else together.
 */
#ifndef BB_CRYPTO_H
#define BB_CRYPTO_H

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "bb.h"

#define BB_CRYPTO_FUNCTIONS(X)                                                                                         \
    X(BN_bin2bn)                                                                                                       \
    X(BN_bn2binpad)                                                                                                    \
    X(BN_clear_free)                                                                                                   \
    X(BN_free)                                                                                                         \
    X(BN_num_bits)                                                                                                     \
    X(ECDSA_SIG_free)                                                                                                  \
    X(ECDSA_SIG_get0)                                                                                                  \
    X(ECDSA_SIG_new)                                                                                                   \
    X(ECDSA_SIG_set0)                                                                                                  \
    X(ECDSA_do_sign)                                                                                                   \
    X(ECDSA_do_verify)                                                                                                 \
    X(ECDH_compute_key)                                                                                                \
    X(EC_KEY_check_key)                                                                                                \
    X(EC_KEY_free)                                                                                                     \
    X(EC_KEY_generate_key)                                                                                             \
    X(EC_KEY_get0_group)                                                                                               \
    X(EC_KEY_get0_private_key)                                                                                         \
    X(EC_KEY_get0_public_key)                                                                                          \
    X(EC_KEY_new_by_curve_name)                                                                                        \
    X(EC_KEY_set_private_key)                                                                                          \
    X(EC_KEY_set_public_key)                                                                                           \
    X(EC_POINT_free)                                                                                                   \
    X(EC_POINT_mul)                                                                                                    \
    X(EC_POINT_new)                                                                                                    \
    X(EC_POINT_oct2point)                                                                                              \
    X(EC_POINT_point2oct)                                                                                              \
    X(ERR_clear_error)                                                                                                 \
    X(EVP_CIPHER_CTX_ctrl)                                                                                             \
    X(EVP_CIPHER_CTX_free)                                                                                             \
    X(EVP_CIPHER_CTX_new)                                                                                              \
    X(EVP_CIPHER_CTX_set_padding)                                                                                      \
    X(EVP_CipherFinal_ex)                                                                                              \
    X(EVP_CipherInit_ex)                                                                                               \
    X(EVP_CipherUpdate)                                                                                                \
    X(EVP_Digest)                                                                                                      \
    X(EVP_DigestSign)                                                                                                  \
    X(EVP_DigestSignInit)                                                                                              \
    X(EVP_DigestVerify)                                                                                                \
    X(EVP_DigestVerifyInit)                                                                                            \
    X(EVP_MD_CTX_free)                                                                                                 \
    X(EVP_MD_CTX_new)                                                                                                  \
    X(EVP_PKEY_free)                                                                                                   \
    X(EVP_PKEY_get_raw_public_key)                                                                                     \
    X(EVP_PKEY_new_raw_private_key)                                                                                    \
    X(EVP_PKEY_new_raw_public_key)                                                                                     \
    X(EVP_aes_128_cbc)                                                                                                 \
    X(EVP_aes_128_ctr)                                                                                                 \
    X(EVP_aes_128_gcm)                                                                                                 \
    X(EVP_aes_192_cbc)                                                                                                 \
    X(EVP_aes_192_ctr)                                                                                                 \
    X(EVP_aes_192_gcm)                                                                                                 \
    X(EVP_aes_256_cbc)                                                                                                 \
    X(EVP_aes_256_ctr)                                                                                                 \
    X(EVP_aes_256_gcm)                                                                                                 \
    X(EVP_sha1)                                                                                                        \
    X(EVP_sha256)                                                                                                      \
    X(EVP_sha384)                                                                                                      \
    X(EVP_sha512)                                                                                                      \
    X(HMAC)                                                                                                            \
    X(PKCS5_PBKDF2_HMAC)

struct bb_crypto_library {
#define BB_CRYPTO_MEMBER(name) __typeof__(name) *name;
    BB_CRYPTO_FUNCTIONS(BB_CRYPTO_MEMBER)
#undef BB_CRYPTO_MEMBER
};

/* The library's functions. Only after bb_crypto_open. */
extern struct bb_crypto_library bb_crypto;

/* Loads the library; false with an exception pending (NotSupportedError) where this machine has none. */
bool bb_crypto_open(JSContext *ctx);
/* A hash function by its name in the Web Cryptography API; NULL with an exception pending. */
const EVP_MD *bb_crypto_hash(JSContext *ctx, JSValueConst name);
/* The bytes of a Uint8Array; NULL with an exception pending. Never NULL for an empty one. */
const uint8_t *bb_crypto_bytes(JSContext *ctx, JSValueConst value, size_t *length);
/* Throws an OperationError. */
JSValue bb_crypto_failed(JSContext *ctx, const char *what);
/* A Uint8Array of a copy. */
JSValue bb_crypto_result(JSContext *ctx, const uint8_t *bytes, size_t length);

/* crypto_keys.c: what has a public and a private key. */
void bb_crypto_keys_init(JSContext *ctx, JSValueConst target);

#endif
