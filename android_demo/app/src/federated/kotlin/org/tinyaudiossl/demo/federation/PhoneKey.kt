package org.tinyaudiossl.demo.federation

import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import java.io.File
import java.security.GeneralSecurityException
import java.security.KeyPairGenerator
import java.security.KeyStore
import java.security.PrivateKey
import java.security.ProviderException
import java.security.spec.ECGenParameterSpec
import org.tinyaudiossl.federated.fleet.NodeKey

/**
 * This phone's key. It is made in Android's keystore, from where the private half can't be read; or,
 * where that does not know the curve, in a file of the app's private folder.
 */
internal object PhoneKey {
    private const val ALIAS = "federation"
    private const val PROVIDER = "AndroidKeyStore"

    /**
     * The key, made first if there is none.
     * @param state a folder that exists.
     * @throws java.io.IOException the file can't be read or written.
     */
    fun open(state: File): NodeKey {
        val file = File(state, "node.key")
        if (file.exists()) return NodeKey.open(file)
        return try {
            stored() ?: made()
        } catch (_: GeneralSecurityException) {
            NodeKey.open(file)
        } catch (_: ProviderException) {
            NodeKey.open(file)
        }
    }

    /** Deletes the key in the keystore; one in a file goes with its folder. */
    fun delete() {
        val store = keystore()
        if (store.containsAlias(ALIAS)) store.deleteEntry(ALIAS)
    }

    private fun stored(): NodeKey? = keystore().let { store ->
        val key = store.getKey(ALIAS, null) as PrivateKey? ?: return null
        NodeKey(key, store.getCertificate(ALIAS).publicKey)
    }

    private fun made(): NodeKey {
        val spec = KeyGenParameterSpec.Builder(ALIAS, KeyProperties.PURPOSE_SIGN)
            .setAlgorithmParameterSpec(ECGenParameterSpec("secp384r1"))
            .setDigests(KeyProperties.DIGEST_SHA256)
            .build()
        val pair = KeyPairGenerator.getInstance(KeyProperties.KEY_ALGORITHM_EC, PROVIDER)
            .apply { initialize(spec) }
            .generateKeyPair()
        return NodeKey(pair.private, pair.public)
    }

    private fun keystore() = KeyStore.getInstance(PROVIDER).apply { load(null) }
}
