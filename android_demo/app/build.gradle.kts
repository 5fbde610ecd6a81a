import groovy.json.JsonSlurper
import java.security.MessageDigest

plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
}

android {
    namespace = "org.tinyaudiossl.demo"
    compileSdk = libs.versions.compileSdk.get().toInt()
    defaultConfig {
        applicationId = "org.tinyaudiossl.demo"
        minSdk = libs.versions.minSdk.get().toInt()
        targetSdk = libs.versions.targetSdk.get().toInt()
        versionCode = libs.versions.appCode.get().toInt()
        versionName = libs.versions.app.get()
        ndk.abiFilters += listOf("arm64-v8a", "x86_64")
    }
    flavorDimensions += "network"
    productFlavors {
        create("demo") { isDefault = true } // has no network
        create("federated") { applicationIdSuffix = ".federated" } // another app, so that neither becomes the other
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_1_8
        targetCompatibility = JavaVersion.VERSION_1_8
    }
    testOptions.unitTests.isReturnDefaultValues = true
    packaging.jniLibs.useLegacyPackaging = true // compressed: a third of the download
}

kotlin.compilerOptions.jvmTarget.set(org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_1_8)

dependencies {
    implementation(project(":encoder"))
    implementation(libs.onnxruntime.android)
    if (providers.gradleProperty("executorch").get().toBoolean()) {
        implementation(libs.executorch)
    }
    "federatedImplementation"(project(":federated"))
    "federatedImplementation"(libs.executorch)
    testImplementation(kotlin("test-junit"))
    testImplementation(libs.json) // Android has org.json, a computer has not
}

// What `tiny-audio-ssl export RUN --android android_demo` put there must be whole. If nothing is
// there, the app gets the model `small`, by the Python that $PYTHON names.
val checkEncoder by tasks.registering {
    val folder = layout.projectDirectory.dir("src/main/assets/encoder").asFile
    inputs.files(fileTree(folder))
    doLast {
        val manifest = folder.resolve("manifest.json")
        if (!manifest.isFile) {
            val python = System.getenv("PYTHON") ?: "python3"
            val demo = layout.projectDirectory.asFile.parent
            val out = layout.buildDirectory.dir("export").get().asFile.path
            ProcessBuilder(
                python, "-m", "tiny_audio_ssl", "export", "small", "--recipe", "live-microphone",
                "--format", "onnx", "--out", out, "--android", demo,
            ).inheritIO().start().waitFor()
        }
        if (!manifest.isFile) {
            logger.warn("No encoder in the app: tiny-audio-ssl export small --android android_demo")
            return@doLast
        }
        val artifacts = (JsonSlurper().parse(manifest) as Map<*, *>)["artifacts"] as List<*>
        for (artifact in artifacts.filterIsInstance<Map<*, *>>()) {
            val file = folder.resolve(artifact["file"] as String)
            val digest = MessageDigest.getInstance("SHA-256").digest(file.readBytes())
            check(digest.joinToString("") { "%02x".format(it) } == artifact["sha256"]) {
                "$file is not what its manifest describes; export again"
            }
        }
    }
}

tasks.named("preBuild") { dependsOn(checkEncoder) }
