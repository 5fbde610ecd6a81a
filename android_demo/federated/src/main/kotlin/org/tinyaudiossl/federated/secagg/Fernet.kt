package org.tinyaudiossl.federated.secagg

import java.nio.ByteBuffer
import java.security.GeneralSecurityException
import java.security.MessageDigest
import java.security.SecureRandom
import javax.crypto.Cipher
import javax.crypto.spec.IvParameterSpec
import javax.crypto.spec.SecretKeySpec
import kotlin.io.encoding.Base64

/**
 * Authenticated encryption as of github.com/fernet/spec: AES-128-CBC, then HMAC-SHA256.
 *
 * @param key 32 bytes in URL-safe Base64: the first half signs, the second encrypts.
 */
internal class Fernet(key: ByteArray) {
    private val raw = Base64.UrlSafe.decode(key)
    private val signing = raw.copyOf(KEY_BYTES)
    private val encrypting = SecretKeySpec(raw, KEY_BYTES, KEY_BYTES, "AES")

    /** Return the token of a text at [timeS], seconds of Unix time. */
    fun encrypt(text: ByteArray, timeS: Long, random: SecureRandom): ByteArray {
        val iv = ByteArray(IV_BYTES).also(random::nextBytes)
        val cipher = Cipher.getInstance(CIPHER).apply { init(Cipher.ENCRYPT_MODE, encrypting, IvParameterSpec(iv)) }
        val head = ByteBuffer.allocate(HEAD_BYTES).put(VERSION).putLong(timeS).array()
        val signed = head + iv + cipher.doFinal(text)
        return Base64.UrlSafe.encode(signed + hmacSha256(signing, signed)).toByteArray()
    }

    /**
     * Return the text of a token.
     * @throws RunRefusedException the token was made with another key, or is damaged.
     */
    fun decrypt(token: ByteArray): ByteArray = try {
        val found = Base64.UrlSafe.decode(token)
        val signed = found.size - MAC_BYTES
        val start = HEAD_BYTES + IV_BYTES
        if (signed < start || found[0] != VERSION) throw damaged()
        val mac = hmacSha256(signing, found.copyOf(signed))
        if (!MessageDigest.isEqual(mac, found.copyOfRange(signed, found.size))) throw damaged()
        val cipher = Cipher.getInstance(CIPHER)
            .apply { init(Cipher.DECRYPT_MODE, encrypting, IvParameterSpec(found, HEAD_BYTES, IV_BYTES)) }
        cipher.doFinal(found, start, signed - start)
    } catch (error: GeneralSecurityException) {
        throw damaged()
    } catch (error: IllegalArgumentException) {
        throw damaged()
    }

    private fun damaged() = refusal("an encrypted share was made with another key, or is damaged")

    private companion object {
        const val CIPHER = "AES/CBC/PKCS5Padding"
        const val VERSION = 0x80.toByte()
        const val KEY_BYTES = 16
        const val HEAD_BYTES = 9 // version and time
        const val IV_BYTES = 16
        const val MAC_BYTES = 32
    }
}
