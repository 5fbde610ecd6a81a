package org.tinyaudiossl.federated.secagg

import java.security.GeneralSecurityException
import java.security.KeyFactory
import java.security.KeyPairGenerator
import java.security.PrivateKey
import java.security.PublicKey
import java.security.SecureRandom
import java.security.spec.ECGenParameterSpec
import java.security.spec.PKCS8EncodedKeySpec
import java.security.spec.X509EncodedKeySpec
import javax.crypto.KeyAgreement
import kotlin.io.encoding.Base64
import org.tinyaudiossl.federated.wire.Pem

/** A key for one round on the curve P-384, by which two devices agree on a secret. */
internal class AgreementKey private constructor(private val privateKey: PrivateKey, val publicPem: ByteArray) {
    /** The private half as Flower shares it: a PEM file of PKCS 8. */
    val privatePem: ByteArray get() = Pem.encode(Pem.PRIVATE_KEY, privateKey.encoded).toByteArray()

    /**
     * Return the secret shared with the owner of [otherPem], which both compute: ECDH, then HKDF with SHA-256
     * (RFC 5869) without salt and info; 32 bytes in URL-safe Base64.
     * @throws RunRefusedException [otherPem] is no public key on this curve.
     */
    fun secretWith(otherPem: ByteArray): ByteArray = try {
        val agreement = KeyAgreement.getInstance("ECDH")
        agreement.init(privateKey)
        agreement.doPhase(publicKey(otherPem), true)
        Base64.UrlSafe.encode(hkdf(agreement.generateSecret())).toByteArray()
    } catch (error: GeneralSecurityException) {
        throw refusal("a public key that is not on the curve P-384")
    } catch (error: IllegalArgumentException) {
        throw refusal("a public key that is not a PEM file")
    }

    companion object {
        private const val HASH_BYTES = 32

        fun generate(random: SecureRandom): AgreementKey {
            val pair = KeyPairGenerator.getInstance("EC")
                .apply { initialize(ECGenParameterSpec("secp384r1"), random) }
                .generateKeyPair()
            return AgreementKey(pair.private, Pem.encode(Pem.PUBLIC_KEY, pair.public.encoded).toByteArray())
        }

        /** Return the key of two PEM files. */
        fun of(privatePem: ByteArray, publicPem: ByteArray): AgreementKey {
            val encoded = PKCS8EncodedKeySpec(Pem.decode(Pem.PRIVATE_KEY, String(privatePem)))
            return AgreementKey(KeyFactory.getInstance("EC").generatePrivate(encoded), publicPem)
        }

        private fun publicKey(pem: ByteArray): PublicKey = KeyFactory.getInstance("EC")
            .generatePublic(X509EncodedKeySpec(Pem.decode(Pem.PUBLIC_KEY, String(pem))))

        private fun hkdf(secret: ByteArray): ByteArray {
            val extracted = hmacSha256(ByteArray(HASH_BYTES), secret)
            return hmacSha256(extracted, byteArrayOf(1)) // one block of output is all
        }
    }
}
