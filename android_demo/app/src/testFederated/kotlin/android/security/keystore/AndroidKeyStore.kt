package android.security.keystore

import java.io.InputStream
import java.io.OutputStream
import java.security.InvalidAlgorithmParameterException
import java.security.Key
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.KeyPairGeneratorSpi
import java.security.KeyStoreSpi
import java.security.Provider
import java.security.PublicKey
import java.security.SecureRandom
import java.security.cert.Certificate
import java.security.spec.AlgorithmParameterSpec
import java.util.Collections
import java.util.Date
import java.util.Enumeration

class KeyGenParameterSpec private constructor(val alias: String, val curve: AlgorithmParameterSpec?) : AlgorithmParameterSpec {
    class Builder(private val alias: String, @Suppress("UNUSED_PARAMETER") purposes: Int) {
        private var curve: AlgorithmParameterSpec? = null

        fun setAlgorithmParameterSpec(spec: AlgorithmParameterSpec) = apply { curve = spec }
        fun setDigests(@Suppress("UNUSED_PARAMETER") vararg digests: String) = this
        fun build() = KeyGenParameterSpec(alias, curve)
    }
}

/** Android's keystore for tests on a computer: its [keys] are in memory. */
class AndroidKeyStore : Provider("AndroidKeyStore", "1", "for tests") {
    init {
        put("KeyStore.AndroidKeyStore", Store::class.java.name)
        put("KeyPairGenerator.EC", Generator::class.java.name)
    }

    companion object {
        val keys = HashMap<String, KeyPair>()
        var knowsTheCurve = true
    }

    class Generator : KeyPairGeneratorSpi() {
        private lateinit var spec: KeyGenParameterSpec

        override fun initialize(params: AlgorithmParameterSpec, random: SecureRandom?) {
            if (!knowsTheCurve) throw InvalidAlgorithmParameterException("unsupported curve")
            spec = params as KeyGenParameterSpec
        }

        override fun initialize(keysize: Int, random: SecureRandom?): Unit = unused()
        override fun generateKeyPair(): KeyPair = KeyPairGenerator.getInstance("EC", "SunEC")
            .apply { initialize(spec.curve) }
            .generateKeyPair()
            .also { keys[spec.alias] = it }
    }

    /** A key's certificate, which Android signs with the key itself. */
    private class OwnCertificate(private val key: PublicKey) : Certificate("X.509") {
        override fun getPublicKey() = key
        override fun getEncoded(): ByteArray = unused()
        override fun verify(key: PublicKey): Unit = unused()
        override fun verify(key: PublicKey, sigProvider: String): Unit = unused()
        override fun toString() = "a certificate"
    }

    class Store : KeyStoreSpi() {
        override fun engineLoad(stream: InputStream?, password: CharArray?) = Unit
        override fun engineGetKey(alias: String, password: CharArray?): Key? = keys[alias]?.private
        override fun engineGetCertificate(alias: String): Certificate? = keys[alias]?.let { OwnCertificate(it.public) }
        override fun engineContainsAlias(alias: String) = alias in keys
        override fun engineDeleteEntry(alias: String) {
            keys -= alias
        }

        override fun engineAliases(): Enumeration<String> = Collections.enumeration(keys.keys)
        override fun engineSize() = keys.size
        override fun engineIsKeyEntry(alias: String) = alias in keys
        override fun engineIsCertificateEntry(alias: String) = false
        override fun engineGetCertificateChain(alias: String): Array<Certificate> = unused()
        override fun engineGetCreationDate(alias: String): Date = unused()
        override fun engineGetCertificateAlias(certificate: Certificate): String = unused()
        override fun engineSetKeyEntry(alias: String, key: Key, password: CharArray?, chain: Array<Certificate>?): Unit = unused()
        override fun engineSetKeyEntry(alias: String, key: ByteArray, chain: Array<Certificate>?): Unit = unused()
        override fun engineSetCertificateEntry(alias: String, certificate: Certificate): Unit = unused()
        override fun engineStore(stream: OutputStream?, password: CharArray?): Unit = unused()
    }
}

private fun unused(): Nothing = error("the app does not use this")
