package org.tinyaudiossl.federated.fleet

import java.io.ByteArrayOutputStream
import java.io.DataOutputStream
import java.io.File
import java.io.IOException
import java.security.GeneralSecurityException
import java.security.KeyFactory
import java.security.KeyPairGenerator
import java.security.PrivateKey
import java.security.PublicKey
import java.security.Signature
import java.security.spec.ECGenParameterSpec
import java.security.spec.PKCS8EncodedKeySpec
import java.security.spec.X509EncodedKeySpec
import kotlin.io.encoding.Base64
import org.tinyaudiossl.federated.wire.Pem

/**
 * The key by which a server knows this device: on the curve P-384, as Flower expects. The private
 * half may be one that never leaves a phone's keystore.
 */
class NodeKey(private val privateKey: PrivateKey, private val publicKey: PublicKey) {

    /** The public half as the Fleet API takes it. */
    val publicPem: ByteArray get() = Pem.encode(Pem.PUBLIC_KEY, publicKey.encoded).toByteArray()

    /** The public half as `flwr supernode register` takes it: a line of an OpenSSH file. */
    val publicOpenSsh: String get() {
        val encoded = publicKey.encoded
        val point = encoded.copyOfRange(encoded.size - POINT_BYTES, encoded.size)
        val blob = ByteArrayOutputStream()
        val out = DataOutputStream(blob)
        for (part in listOf(SSH_TYPE.toByteArray(), SSH_CURVE.toByteArray(), point)) {
            out.writeInt(part.size)
            out.write(part)
        }
        return "$SSH_TYPE ${Base64.encode(blob.toByteArray())} tiny-audio-device\n"
    }

    fun sign(message: ByteArray): ByteArray = Signature.getInstance("SHA256withECDSA").run {
        initSign(privateKey)
        update(message)
        sign()
    }

    companion object {
        private const val CURVE = "secp384r1"
        private const val POINT_BYTES = 97 // 4, then two coordinates of 48 bytes
        private const val SSH_CURVE = "nistp384"
        private const val SSH_TYPE = "ecdsa-sha2-$SSH_CURVE"

        fun generate(): NodeKey {
            val pair = KeyPairGenerator.getInstance("EC")
                .apply { initialize(ECGenParameterSpec(CURVE)) }
                .generateKeyPair()
            return NodeKey(pair.private, pair.public)
        }

        /**
         * Return the key in [file], made there first if there is none, readable for its owner alone.
         * @throws IOException the file can't be read or written, or holds no such key.
         */
        fun open(file: File): NodeKey {
            if (!file.exists()) return generate().also { it.write(file) }
            return try {
                val text = file.readText()
                val factory = KeyFactory.getInstance("EC")
                NodeKey(
                    factory.generatePrivate(PKCS8EncodedKeySpec(Pem.decode(Pem.PRIVATE_KEY, text))),
                    factory.generatePublic(X509EncodedKeySpec(Pem.decode(Pem.PUBLIC_KEY, text))),
                )
            } catch (error: GeneralSecurityException) {
                throw IOException("$file: no key of this program; remove it, and a new one is made", error)
            } catch (error: IllegalArgumentException) {
                throw IOException("$file: no key of this program; remove it, and a new one is made", error)
            }
        }
    }

    private fun write(file: File) {
        val part = File("$file.part")
        part.delete()
        part.createNewFile()
        part.setReadable(false, false)
        part.setReadable(true, true)
        part.writeText(Pem.encode(Pem.PRIVATE_KEY, privateKey.encoded) + Pem.encode(Pem.PUBLIC_KEY, publicKey.encoded))
        if (!part.renameTo(file)) throw IOException("$file can't be written")
    }
}
