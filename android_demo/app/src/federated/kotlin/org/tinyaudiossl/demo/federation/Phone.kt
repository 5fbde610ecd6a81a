package org.tinyaudiossl.demo.federation

import android.content.Context
import java.io.File
import java.io.FileNotFoundException
import org.tinyaudiossl.demo.clipStore
import org.tinyaudiossl.demo.participation.Membership
import org.tinyaudiossl.demo.participation.Participation
import org.tinyaudiossl.demo.participation.Standing
import org.tinyaudiossl.federated.training.DeviceFolder
import org.tinyaudiossl.federated.training.DeviceFolderException

/** What this phone has for a federation. */
internal class Phone(private val context: Context) {
    val membership = Membership(File(context.noBackupFilesDir, "federation"))

    /**
     * What `tiny-audio-ssl federate device-folder` put into the app's assets, as files, since runtimes
     * want some; null if there is nothing, or if it is not as its description says.
     */
    val deviceFolder: DeviceFolder? by lazy {
        try {
            unpacked()
        } catch (_: DeviceFolderException) {
            null
        }
    }

    private fun unpacked(): DeviceFolder? {
        val folder = File(context.noBackupFilesDir, ASSETS).apply { mkdirs() }
        try {
            for (name in context.assets.list(ASSETS).orEmpty()) {
                context.assets.open("$ASSETS/$name").use { from -> File(folder, name).outputStream().use(from::copyTo) }
            }
        } catch (_: FileNotFoundException) {
            return null
        }
        return if (folder.list().isNullOrEmpty()) null else DeviceFolder.open(folder)
    }

    fun standing(): Standing = Standing.of(
        membership,
        deviceFolder?.known?.artifactSha256,
        deviceFolder?.let(Participation::roundBytes) ?: 0,
        clipStore(context).count,
    )

    private companion object {
        const val ASSETS = "device"
    }
}
