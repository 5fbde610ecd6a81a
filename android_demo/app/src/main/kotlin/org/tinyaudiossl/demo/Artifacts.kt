package org.tinyaudiossl.demo

import android.content.Context
import java.io.File
import java.io.FileNotFoundException
import org.tinyaudiossl.encoder.InferenceEngine
import org.tinyaudiossl.encoder.Manifest
import org.tinyaudiossl.encoder.TinyAudioEncoder

/** What `tiny-audio-ssl export RUN --android android_demo` put into the app. */
class Artifacts(private val context: Context) {

    /**
     * A copy on disk, since runtimes want a file, of the manifest and the artifact to listen with.
     *
     * @throws FileNotFoundException there is none in the app.
     * @throws java.io.IOException it is not as its manifest says.
     */
    fun file(): File {
        val text = context.assets.open("$FOLDER/${Manifest.FILE}").use { it.readBytes() }
        val artifact = Manifest.parse(text.decodeToString()).forListening(InferenceEngine.ONNX_RUNTIME)
        val folder = File(context.noBackupFilesDir, FOLDER).apply { mkdirs() }
        val copy = File(folder, artifact.file)
        context.assets.open("$FOLDER/${artifact.file}").use { from ->
            copy.outputStream().use { from.copyTo(it) }
        }
        File(folder, Manifest.FILE).writeBytes(text)
        artifact.check(copy)
        return copy
    }

    /** @throws org.tinyaudiossl.encoder.EngineException it does not run here; and as [file]. */
    fun open(): TinyAudioEncoder = file().let { TinyAudioEncoder.open(it.parentFile!!, it.name) }

    private companion object {
        const val FOLDER = "encoder"
    }
}
